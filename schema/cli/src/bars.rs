/*! Progress, drawn. The libraries only say how far they are; here somebody looks. */

use std::{
    fmt,
    sync::{LazyLock, Mutex, PoisonError},
};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use schema::{Progress, text::escape};

/// What is drawn on stderr; log lines ask it to step aside. indicatif draws nothing where that is no terminal.
pub(super) static SCREEN: LazyLock<MultiProgress> = LazyLock::new(MultiProgress::new);

/// One bar per phase, sizes in binary units.
pub struct Bars {
    shown: bool,
    current: Mutex<Option<ProgressBar>>,
}

impl Bars {
    /// Bars, unless not wanted.
    pub fn new(shown: bool) -> Self {
        Self {
            shown,
            current: Mutex::new(None),
        }
    }

    fn replace(&self, next: Option<ProgressBar>) {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(last) = std::mem::replace(&mut *current, next) {
            last.finish_and_clear();
            SCREEN.remove(&last);
        }
    }
}

impl Progress for Bars {
    fn begin(&self, phase: &str, total: u64) {
        self.replace(None);
        if self.shown {
            let bar = SCREEN.add(ProgressBar::new(total).with_style(style()));
            bar.set_message(escape(phase));
            self.replace(Some(bar));
        }
    }

    fn advance(&self, bytes: u64) {
        let current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        current.iter().for_each(|bar| bar.inc(bytes));
    }

    fn end(&self) {
        self.replace(None);
    }
}

impl Drop for Bars {
    fn drop(&mut self) {
        self.replace(None);
    }
}

impl fmt::Debug for Bars {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bars")
            .field("shown", &self.shown)
            .finish_non_exhaustive()
    }
}

fn style() -> ProgressStyle {
    const LINE: &str = "{msg} [{bar:30}] {binary_bytes} of {binary_total_bytes}, {binary_bytes_per_sec}, {eta} left";
    ProgressStyle::with_template(LINE).map_or_else(
        |_| ProgressStyle::default_bar(),
        |style| style.progress_chars("=> "),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_is_one_that_indicatif_understands() {
        let bars = Bars::new(true);
        bars.begin("fetching", 10);
        bars.advance(4);
        let position = bars
            .current
            .lock()
            .map(|bar| bar.as_ref().map(ProgressBar::position));
        assert!(matches!(position, Ok(Some(4))));
        assert!(ProgressStyle::with_template("{msg} {binary_bytes_per_sec}").is_ok());
        bars.end();
        bars.advance(1);
    }
}
