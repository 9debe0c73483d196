/*! A live table: a line for each thing under way, on stderr, and none where nobody looks. */

use indicatif::{ProgressBar, ProgressStyle};
use schema::text::escape;

use super::bars::SCREEN;

/// Where lines appear.
#[derive(Debug, Clone, Copy)]
pub struct StatusTable {
    shown: bool,
}

/// One line, gone when dropped.
#[derive(Debug)]
pub struct Line(Option<ProgressBar>);

impl StatusTable {
    /// A status, unless not wanted. Off a terminal nothing is drawn.
    pub fn new(shown: bool) -> Self {
        Self { shown }
    }

    /// Adds a line that begins with a name.
    pub fn line(&self, name: &str) -> Line {
        Line(self.shown.then(|| {
            let bar = SCREEN.add(ProgressBar::new_spinner().with_style(style()));
            bar.set_prefix(escape(name));
            bar
        }))
    }
}

impl Line {
    /// Says what is being done now.
    pub fn say(&self, text: &str) {
        if let Some(bar) = &self.0 {
            bar.set_message(escape(text));
            bar.tick();
        }
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        if let Some(bar) = &self.0 {
            bar.finish_and_clear();
            SCREEN.remove(bar);
        }
    }
}

fn style() -> ProgressStyle {
    ProgressStyle::with_template("{prefix:24} {wide_msg}")
        .unwrap_or_else(|_| ProgressStyle::default_spinner())
}
