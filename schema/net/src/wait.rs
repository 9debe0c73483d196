/*! How long a server asks to be left alone, and how such a time is shown. */

use std::time::Duration;

/// Reads a `Retry-After`: seconds, or a date (RFC 9110, section 10.2.3). `None` for a date that is over, and for anything else.
pub fn retry_after(text: &str) -> Option<Duration> {
    let text = text.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let at = jiff::fmt::rfc2822::parse(text).ok()?.timestamp();
    Duration::try_from(at.duration_since(jiff::Timestamp::now())).ok()
}

/// A time for people: the two largest units that matter.
pub fn spelled(time: Duration) -> String {
    let seconds = time.as_secs();
    let units = [
        (seconds / 86_400, "d"),
        (seconds / 3600 % 24, "h"),
        (seconds / 60 % 60, "min"),
        (seconds % 60, "s"),
    ];
    let shown: Vec<_> = units
        .iter()
        .skip_while(|(number, _)| *number == 0)
        .take(2)
        .filter(|(number, _)| *number > 0)
        .map(|(number, unit)| format!("{number} {unit}"))
        .collect();
    if shown.is_empty() {
        "0 s".to_owned()
    } else {
        shown.join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_and_dates_to_come_are_waits() {
        assert_eq!(retry_after(" 120 "), Some(Duration::from_secs(120)));
        let date = |seconds: i64| {
            let at = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(seconds);
            at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
        };
        let wait = retry_after(&date(3600)).unwrap_or_default().as_secs();
        assert!((3500..=3600).contains(&wait), "{wait}");
        for none in [date(-3600).as_str(), "", "-1", "soon"] {
            assert_eq!(retry_after(none), None, "{none:?}");
        }
    }

    #[test]
    fn times_are_spelled_for_people() {
        let table = [
            (0, "0 s"),
            (59, "59 s"),
            (60, "1 min"),
            (3601, "1 h"),
            (7500, "2 h 5 min"),
            (180_000, "2 d 2 h"),
        ];
        for (seconds, text) in table {
            assert_eq!(spelled(Duration::from_secs(seconds)), text);
        }
    }
}
