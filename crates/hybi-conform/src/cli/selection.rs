//! The choice of the cases that run.

use hybi_conform::{Case, Group, Role, Size, cases};

use crate::arguments::Choice;

/// Returns the cases that were asked for, in the order in which they run.
///
/// # Errors
///
/// An id matches no case of this role in the groups asked for.
pub(crate) fn select(
    choice: &Choice,
    role: Option<Role>,
    default: &[Group],
) -> Result<Vec<Case>, String> {
    let size = if choice.full { Size::Full } else { Size::Reduced };
    let groups: Vec<Group> = match (choice.only.is_empty(), choice.ids.is_empty()) {
        (false, _) => choice.only.clone(),
        (true, false) => Group::ALL.to_vec(),
        (true, true) => default.to_vec(),
    };
    let all = Group::ALL.iter().filter(|group| groups.contains(group));
    let all = all.flat_map(|group| cases(*group, size));
    let all: Vec<Case> = all.filter(|case| role.is_none_or(|role| case.tests(role))).collect();
    if choice.ids.is_empty() {
        return Ok(all);
    }
    let is_meant = |case: &Case, id: &str| match id.strip_suffix('*') {
        Some(start) => case.id().starts_with(start),
        None => case.id() == id,
    };
    for id in &choice.ids {
        if !all.iter().any(|case| is_meant(case, id)) {
            return Err(format!("there is no case {id:?} here; `hybi-conform list` has them all"));
        }
    }
    Ok(all.into_iter().filter(|case| choice.ids.iter().any(|id| is_meant(case, id))).collect())
}
