/*!
A window of time in which clusters may be begun: on some days of the week, from one time to another, in a zone.

It belongs to the day on which it opens, and may end on the next. Times that a change of the clocks leaves out are taken as
much later; of two times of the same name the first counts.
*/

use std::time::Duration;

use jiff::{
    Timestamp, ToSpan as _,
    civil::{Date, Time, Weekday},
    tz::TimeZone,
};

/// When clusters may be begun.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window {
    /// The days on which it opens; every day if empty.
    pub days: Vec<Weekday>,
    /// When it opens.
    pub from: Time,
    /// When it closes: on the next day unless that is later than `from`.
    pub to: Time,
    /// Where these times hold.
    pub zone: TimeZone,
    /// The longest that a run waits for it.
    pub wait: Duration,
}

impl Window {
    /// When it closes, if it is open.
    pub fn closes(&self, now: Timestamp) -> Option<Timestamp> {
        let open = self.near(now);
        let open = open.filter(|(from, to)| (*from..*to).contains(&now));
        open.map(|(_, to)| to).max()
    }

    /// When it opens next.
    pub fn opens(&self, now: Timestamp) -> Option<Timestamp> {
        let later = self.near(now).map(|(from, _)| from);
        later.filter(|from| *from > now).min()
    }

    /// Whether it is open, and until when.
    pub fn standing(&self, now: Timestamp) -> String {
        match (self.closes(now), self.opens(now)) {
            (Some(closes), _) => format!("open until {}", self.shown(closes)),
            (None, Some(opens)) => format!("closed until {}", self.shown(opens)),
            (None, None) => "closed".to_owned(),
        }
    }

    /// A time as it is there: `Sat 2026-11-28 22:00 Europe/Berlin`.
    pub fn shown(&self, at: Timestamp) -> String {
        let zone = self.zone.iana_name().unwrap_or("UTC");
        let at = at.to_zoned_datetime(self.zone.clone());
        format!("{} {zone}", at.strftime("%a %F %H:%M"))
    }

    /// Whenever it is open from yesterday to a week from now: one that lasts past midnight, and the next of any day.
    fn near(&self, now: Timestamp) -> impl Iterator<Item = (Timestamp, Timestamp)> {
        let today = self.zone.to_datetime(now).date();
        let first = today.yesterday().unwrap_or(today);
        first
            .series(1.day())
            .take(10)
            .filter_map(|day| self.on(day))
    }

    /// From when to when it is open that begins on this day.
    fn on(&self, day: Date) -> Option<(Timestamp, Timestamp)> {
        if !self.days.is_empty() && !self.days.contains(&day.weekday()) {
            return None;
        }
        let last = match self.to > self.from {
            true => day,
            false => day.tomorrow().ok()?,
        };
        let at = |day: Date, time| {
            let there = self.zone.to_ambiguous_timestamp(day.to_datetime(time));
            there.compatible().ok()
        };
        Some((at(day, self.from)?, at(last, self.to)?))
    }
}
