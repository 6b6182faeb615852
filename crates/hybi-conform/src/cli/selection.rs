//! The choice of the cases that run.

use hybi_conform::{Case, Group, Role, Size, cases};

use crate::arguments::Choice;

/// Returns the cases that were asked for, in the order in which they run.
///
/// # Errors
///
/// An id matches no case of this role in the groups asked for, or no case is left.
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
    for id in &choice.ids {
        check(id, &all)?;
    }
    // What is left out need not be among the cases asked for, but must be a case.
    if !choice.except.is_empty() {
        let known: Vec<Case> = Group::ALL.iter().flat_map(|group| cases(*group, size)).collect();
        choice.except.iter().try_for_each(|id| check(id, &known))?;
    }
    let is_one_of = |case: &Case, ids: &[String]| ids.iter().any(|id| matches(case, id));
    let is_chosen = |case: &Case| {
        (choice.ids.is_empty() || is_one_of(case, &choice.ids)) && !is_one_of(case, &choice.except)
    };
    let chosen: Vec<Case> = all.into_iter().filter(is_chosen).collect();
    if chosen.is_empty() {
        return Err("no case is left of those groups; `hybi-conform list` has them all".into());
    }
    Ok(chosen)
}

/// Checks that an id or the beginning of one, as the command line has it, names a case.
fn check(id: &str, cases: &[Case]) -> Result<(), String> {
    match cases.iter().any(|case| matches(case, id)) {
        true => Ok(()),
        false => Err(format!("there is no case {id:?} here; `hybi-conform list` has them all")),
    }
}

fn matches(case: &Case, id: &str) -> bool {
    match id.strip_suffix('*') {
        Some(start) => case.id().starts_with(start),
        None => case.id() == id,
    }
}
