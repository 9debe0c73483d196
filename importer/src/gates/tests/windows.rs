use std::time::Duration;

use jiff::{
    SignedDuration, Timestamp,
    civil::{Time, Weekday, time},
    tz::TimeZone,
};
use proptest::prelude::*;

use super::{Done, at};
use crate::gates::Window;

fn window(days: &[Weekday], from: Time, to: Time, zone: &str) -> Result<Window, jiff::Error> {
    Ok(Window {
        days: days.to_vec(),
        from,
        to,
        zone: TimeZone::get(zone)?,
        wait: Duration::ZERO,
    })
}

/// For each time, when the window closes if it is open, else when it opens next.
fn table(window: &Window, rows: &[(&str, bool, &str)]) -> Done {
    for (now, open, then) in rows {
        let (now, then) = (at(now)?, at(then)?);
        let expected = match open {
            true => (Some(then), true),
            false => (None, window.opens(now) == Some(then)),
        };
        let found = (window.closes(now), expected.1);
        assert_eq!(
            found,
            (expected.0, true),
            "{now}: next {:?}",
            window.opens(now)
        );
    }
    Ok(())
}

#[test]
fn a_window_over_midnight_belongs_to_the_day_it_opens_on() -> Done {
    // 2026-11-28 is a Saturday; Berlin is an hour ahead.
    let window = window(
        &[Weekday::Saturday],
        time(22, 0, 0, 0),
        time(4, 0, 0, 0),
        "Europe/Berlin",
    )?;
    table(
        &window,
        &[
            ("2026-11-28T20:59:59Z", false, "2026-11-28T21:00:00Z"),
            ("2026-11-28T21:00:00Z", true, "2026-11-29T03:00:00Z"),
            ("2026-11-29T02:59:59Z", true, "2026-11-29T03:00:00Z"),
            ("2026-11-29T03:00:00Z", false, "2026-12-05T21:00:00Z"),
            // The night before is Friday's.
            ("2026-11-28T01:00:00Z", false, "2026-11-28T21:00:00Z"),
        ],
    )?;
    assert_eq!(
        window.shown(at("2026-11-28T21:00:00Z")?),
        "Sat 2026-11-28 22:00 Europe/Berlin"
    );
    Ok(())
}

#[test]
fn clocks_that_change_move_a_window_with_them() -> Done {
    // On 2026-03-29 clocks go from 02:00 to 03:00, on 2026-10-25 from 03:00 back to 02:00.
    let night = window(&[], time(22, 0, 0, 0), time(6, 0, 0, 0), "Europe/Berlin")?;
    table(
        &night,
        &[
            ("2026-03-28T21:00:00Z", true, "2026-03-29T04:00:00Z"),
            ("2026-03-29T04:00:00Z", false, "2026-03-29T20:00:00Z"),
            ("2026-10-24T20:00:00Z", true, "2026-10-25T05:00:00Z"),
            ("2026-10-25T05:00:00Z", false, "2026-10-25T21:00:00Z"),
        ],
    )?;
    // What the change leaves out is an hour later; of two times of one name the first counts.
    let short = window(&[], time(2, 15, 0, 0), time(2, 45, 0, 0), "Europe/Berlin")?;
    table(
        &short,
        &[
            ("2026-03-29T00:59:59Z", false, "2026-03-29T01:15:00Z"),
            ("2026-03-29T01:15:00Z", true, "2026-03-29T01:45:00Z"),
            ("2026-10-25T00:15:00Z", true, "2026-10-25T00:45:00Z"),
            ("2026-10-25T01:20:00Z", false, "2026-10-26T01:15:00Z"),
        ],
    )
}

#[test]
fn the_same_time_twice_is_a_whole_day() -> Done {
    let window = window(
        &[Weekday::Sunday],
        Time::midnight(),
        Time::midnight(),
        "UTC",
    )?;
    table(
        &window,
        &[
            ("2026-11-28T23:59:59Z", false, "2026-11-29T00:00:00Z"),
            ("2026-11-29T00:00:00Z", true, "2026-11-30T00:00:00Z"),
            ("2026-11-30T00:00:00Z", false, "2026-12-06T00:00:00Z"),
        ],
    )
}

proptest! {
    /// Of any two neighbouring moments: it opens when it says, it is open until it says, and never for a day and two hours.
    #[test]
    fn it_is_open_from_when_it_opens_until_it_closes(
        now in 1_600_000_000_i64..2_000_000_000,
        (from, to) in (0_i8..24, 0_i8..24),
        days in proptest::sample::subsequence(vec![Weekday::Monday, Weekday::Wednesday, Weekday::Sunday], 1..=3),
        zone in proptest::sample::select(vec!["UTC", "Europe/Berlin", "America/St_Johns", "Australia/Lord_Howe"]),
    ) {
        let window = window(&days, time(from, 30, 0, 0), time(to, 15, 0, 0), zone).map_err(|error| TestCaseError::fail(error.to_string()))?;
        let now = Timestamp::from_second(now).map_err(|error| TestCaseError::fail(error.to_string()))?;
        let second = SignedDuration::from_secs(1);
        let opens = window.opens(now);
        prop_assert!(opens.is_some_and(|opens| opens > now && window.closes(opens).is_some()));
        prop_assert!(opens.is_some_and(|opens| opens.duration_since(now) < SignedDuration::from_hours(24 * 8)));
        if let Some(closes) = window.closes(now) {
            prop_assert!(closes > now && window.closes(closes - second) == Some(closes));
            prop_assert!(closes.duration_since(now) <= SignedDuration::from_hours(26));
        } else if let Some(opens) = opens {
            prop_assert_eq!(window.closes(opens - second), None);
        }
    }
}
