/*! `require` of a wave as it is typed: pools, operators, conditions of any object, and a window of time. */

use std::time::Duration;

use jiff::{
    SignedDuration,
    civil::{Time, Weekday},
    tz::TimeZone,
};
use schema::json::Strict;
use serde::{Deserialize, Deserializer, de::Error as _};
use serde_json::Value;

use crate::gates::{Requirement, Which, Window};

/// How long a window is waited for where nothing is said.
const WAIT: Duration = Duration::from_secs(12 * 60 * 60);

/// The keys of `require`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct TypedRequire {
    machine_config_pools: Option<TypedWhich>,
    cluster_operators: Option<TypedWhich>,
    #[serde(default)]
    conditions: Vec<TypedCondition>,
    window: Option<TypedWindow>,
}

impl TypedRequire {
    /// When clusters may be begun.
    pub(super) fn window(&self) -> Option<Window> {
        self.window.as_ref().map(Window::from)
    }

    /// What must hold on each cluster.
    pub(super) fn requirements(&self) -> Vec<Requirement> {
        let which = |typed: &Option<TypedWhich>| typed.as_ref().map(|which| which.0.clone());
        let pools = which(&self.machine_config_pools).map(Requirement::Pools);
        let operators = which(&self.cluster_operators).map(Requirement::Operators);
        let conditions = self.conditions.iter().map(Requirement::from);
        pools
            .into_iter()
            .chain(operators)
            .chain(conditions)
            .collect()
    }
}

/// `all`, or a list of names.
#[derive(Debug)]
struct TypedWhich(Which);

impl<'de> Deserialize<'de> for TypedWhich {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Strict(typed) = Strict::deserialize(deserializer)?;
        let named = |names: &[Value]| {
            let names = names
                .iter()
                .map(|name| name.as_str().filter(|name| !name.is_empty()));
            names
                .map(|name| name.map(str::to_owned))
                .collect::<Option<Vec<_>>>()
        };
        match &typed {
            Value::String(all) if all == "all" => Ok(Self(Which::All)),
            Value::Array(names) if !names.is_empty() => match named(names) {
                Some(names) => Ok(Self(Which::Named(names))),
                None => Err(D::Error::custom("expected a list of names")),
            },
            _ => Err(D::Error::custom("expected `all` or a list of names")),
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct TypedCondition {
    api_version: Word,
    kind: Word,
    namespace: Option<Word>,
    name: Word,
    r#type: Word,
    #[serde(default)]
    status: Status,
}

impl From<&TypedCondition> for Requirement {
    fn from(typed: &TypedCondition) -> Self {
        Self::Condition {
            api_version: typed.api_version.0.clone(),
            kind: typed.kind.0.clone(),
            namespace: typed.namespace.as_ref().map(|word| word.0.clone()),
            name: typed.name.0.clone(),
            condition: typed.r#type.0.clone(),
            status: typed.status.0.to_owned(),
        }
    }
}

/// A text that is not empty.
#[derive(Debug)]
struct Word(String);

impl<'de> Deserialize<'de> for Word {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match String::deserialize(deserializer)? {
            word if word.trim().is_empty() => {
                Err(D::Error::custom("expected a name, found nothing"))
            }
            word => Ok(Self(word)),
        }
    }
}

/// `True`, `False` or `Unknown`; YAML's own true and false are meant too.
#[derive(Debug)]
struct Status(&'static str);

impl Default for Status {
    fn default() -> Self {
        Self("True")
    }
}

impl<'de> Deserialize<'de> for Status {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Strict(typed) = Strict::deserialize(deserializer)?;
        match (typed.as_str(), &typed) {
            (Some("True"), _) | (_, Value::Bool(true)) => Ok(Self("True")),
            (Some("False"), _) | (_, Value::Bool(false)) => Ok(Self("False")),
            (Some("Unknown"), _) => Ok(Self("Unknown")),
            _ => Err(D::Error::custom(format!(
                "{typed} is no status of a condition; expected True, False or Unknown"
            ))),
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TypedWindow {
    #[serde(default)]
    days: Vec<Day>,
    from: Clock,
    to: Clock,
    zone: Zone,
    wait: Option<Limit>,
}

impl From<&TypedWindow> for Window {
    fn from(typed: &TypedWindow) -> Self {
        Self {
            days: typed.days.iter().map(|day| day.0).collect(),
            from: typed.from.0,
            to: typed.to.0,
            zone: typed.zone.0.clone(),
            wait: typed.wait.as_ref().map_or(WAIT, |limit| limit.0),
        }
    }
}

const DAYS: [(&str, Weekday); 7] = [
    ("Mon", Weekday::Monday),
    ("Tue", Weekday::Tuesday),
    ("Wed", Weekday::Wednesday),
    ("Thu", Weekday::Thursday),
    ("Fri", Weekday::Friday),
    ("Sat", Weekday::Saturday),
    ("Sun", Weekday::Sunday),
];

#[derive(Debug)]
struct Day(Weekday);

impl<'de> Deserialize<'de> for Day {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let found = DAYS.iter().find(|(name, _)| *name == text);
        found.map(|(_, day)| Self(*day)).ok_or_else(|| {
            let names = DAYS.map(|(name, _)| name).join(", ");
            D::Error::custom(format!("{text:?} is no day; expected {names}"))
        })
    }
}

#[derive(Debug)]
struct Clock(Time);

impl<'de> Deserialize<'de> for Clock {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        clock(&text).map(Self).ok_or_else(|| {
            D::Error::custom(format!(
                "{text:?} is no time of day; expected hours and minutes such as \"22:00\""
            ))
        })
    }
}

/// `22:00`; `24:00` is the midnight at which a day ends.
fn clock(text: &str) -> Option<Time> {
    let (hours, minutes) = text.split_once(':')?;
    let two = |digits: &str| {
        let plain = digits.len() == 2 && digits.bytes().all(|byte| byte.is_ascii_digit());
        digits.parse::<i8>().ok().filter(|_| plain)
    };
    match (two(hours)?, two(minutes)?) {
        (24, 0) => Some(Time::midnight()),
        (hours, minutes) => Time::new(hours, minutes, 0, 0).ok(),
    }
}

#[derive(Debug)]
struct Zone(TimeZone);

impl<'de> Deserialize<'de> for Zone {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        TimeZone::get(&text).map(Self).map_err(|_| {
            D::Error::custom(format!(
                "{text:?} is no time zone; expected a name such as Europe/Berlin or UTC"
            ))
        })
    }
}

#[derive(Debug)]
struct Limit(Duration);

impl<'de> Deserialize<'de> for Limit {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let time = text.parse::<SignedDuration>().ok();
        let time = time.and_then(|time| Duration::try_from(time).ok());
        time.map(Self).ok_or_else(|| {
            D::Error::custom(format!(
                "{text:?} is no time to wait; expected one such as 90m or 12h"
            ))
        })
    }
}
