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
    let known: Vec<Case> = Group::ALL.iter().flat_map(|group| cases(*group, size)).collect();
    choice.ids.iter().try_for_each(|id| check(id, &all, &known, role))?;
    // An excluded case need not be among the chosen ones, but must exist.
    choice.except.iter().try_for_each(|id| check(id, &known, &known, None))?;
    let is_one_of = |case: &Case, ids: &[String]| ids.iter().any(|id| matches(case, id));
    let is_chosen = |case: &Case| {
        (choice.ids.is_empty() || is_one_of(case, &choice.ids)) && !is_one_of(case, &choice.except)
    };
    let chosen: Vec<Case> = all.into_iter().filter(is_chosen).collect();
    if chosen.is_empty() {
        return Err(
            "no case is left of those groups; `hybi-conform list`, without arguments, has them all"
                .into(),
        );
    }
    Ok(chosen)
}

/// Checks that an id or the beginning of one, as the command line has it, names one of these cases.
/// `known` are all that there are, in which the error looks for what may be meant.
fn check(id: &str, cases: &[Case], known: &[Case], role: Option<Role>) -> Result<(), String> {
    if cases.iter().any(|case| matches(case, id)) {
        return Ok(());
    }
    let elsewhere = known.iter().find(|case| matches(case, id));
    let longer = [format!("{id}.*"), format!("{id}/*"), format!("{id}*")];
    let longer = longer.iter().find(|id| known.iter().any(|case| matches(case, id)));
    let hint = match (elsewhere, longer) {
        (Some(case), _) if role.is_some_and(|role| !case.tests(role)) => {
            let other = if role == Some(Role::Server) { "clients" } else { "servers" };
            format!("it is for {other}")
        }
        (Some(case), _) => format!("it is in the group {}", case.group()),
        _ if Group::ALL.iter().any(|group| group.name() == id) => {
            format!("did you mean --only {id}?")
        }
        (None, Some(longer)) => format!("did you mean {longer:?}?"),
        (None, None) => "`hybi-conform list`, without arguments, has them all".into(),
    };
    Err(format!("there is no case {id:?} here; {hint}"))
}

fn matches(case: &Case, id: &str) -> bool {
    match id.strip_suffix('*') {
        Some(start) => case.id().starts_with(start),
        None => case.id() == id,
    }
}
