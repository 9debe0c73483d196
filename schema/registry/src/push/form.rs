/*!
The forms a blob can be uploaded in, and which to try next where a registry or a proxy refuses one.

One PUT is the shortest. Some registries know only PATCH, which is what docker and skopeo send; proxies limit the size of a
body, and some hang up on a larger one instead of saying so. What a registry was found to need is remembered for the run.
*/

use std::sync::{Mutex, PoisonError};

/// Bytes of a chunk, largest first. Each is held in memory while it goes; 5 MiB is the least that
/// Amazon ECR takes, 1 MiB is what nginx allows unless configured otherwise.
const CHUNKS: [u64; 3] = [5 << 20, 1 << 20, 256 << 10];

/// How the bytes go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// One PUT (distribution-spec, "POST then PUT").
    Whole,
    /// One PATCH, then an empty PUT.
    Stream,
    /// PATCHes of so many bytes, then an empty PUT ("Pushing a blob in chunks").
    Chunks(u64),
}

impl Form {
    /// The most bytes of one request's body, for a blob of that size.
    fn body(self, size: u64) -> u64 {
        match self {
            Self::Whole | Self::Stream => size,
            Self::Chunks(chunk) => chunk.min(size),
        }
    }
}

/// The forms of one blob: the one that is tried, and those that were.
#[derive(Debug)]
pub(crate) struct Forms {
    /// The one that is tried.
    pub now: Form,
    size: u64,
    tried: Vec<Form>,
    /// The registry has taken other blobs in this form: what it refuses now, it refuses for another reason.
    proven: bool,
}

impl Forms {
    /// `repeatable`: the source can be read again from its start, however far it was read. What is not goes in the form
    /// that every registry in use takes, until the registry is known to take the shortest.
    pub(crate) fn new(size: u64, learned: Option<Form>, repeatable: bool) -> Self {
        let first = if repeatable {
            Form::Whole
        } else {
            Form::Stream
        };
        Self {
            now: learned.unwrap_or(first),
            size,
            tried: Vec::new(),
            proven: learned.is_some(),
        }
    }

    /// Takes the next form after the refusal of a request's body. False where no other can help.
    pub(crate) fn refused(&mut self, status: u16) -> bool {
        match status {
            413 => self.smaller() || (self.now == Form::Whole && self.take(Form::Stream)),
            // These may also be about a name or a digest.
            400 | 404 if self.proven => false,
            400 | 404 | 405 | 411 | 415 | 501 => {
                let chunks = Form::Chunks(CHUNKS[0]);
                self.take(Form::Stream)
                    || self.take(Form::Whole)
                    || (self.size > CHUNKS[0] && self.take(chunks))
            }
            _ => false,
        }
    }

    /// Takes smaller chunks, which a proxy that hangs up on large bodies lets through. False at the smallest.
    pub(crate) fn smaller(&mut self) -> bool {
        let body = self.now.body(self.size);
        let next = CHUNKS.into_iter().find(|chunk| *chunk < body);
        next.is_some_and(|chunk| self.take(Form::Chunks(chunk)))
    }

    fn take(&mut self, form: Form) -> bool {
        if form == self.now || self.tried.contains(&form) {
            return false;
        }
        self.tried.push(self.now);
        (self.now, self.proven) = (form, false);
        true
    }
}

/// What was learned of one registry in this run.
#[derive(Debug, Default)]
pub(crate) struct Quirks(Mutex<Learned>);

#[derive(Debug, Clone, Copy, Default)]
struct Learned {
    form: Option<Form>,
    miscounts: bool,
}

impl Quirks {
    /// The form that uploads take there, once one has succeeded.
    pub(crate) fn form(&self) -> Option<Form> {
        self.learned().form
    }

    /// A blob has gone in this form. Of two the narrower one stays: some blobs need it, and all can use it.
    pub(crate) fn succeeded(&self, forms: &Forms) {
        let mut learned = self.learned();
        let narrower = match (learned.form, forms.now) {
            (None, Form::Whole) => true,
            // Nothing else was tried, so nothing else was refused.
            (_, Form::Stream | Form::Chunks(_)) if forms.tried.is_empty() => false,
            (None | Some(Form::Whole), Form::Stream) => true,
            (None | Some(Form::Whole | Form::Stream), Form::Chunks(_)) => true,
            (Some(Form::Chunks(old)), Form::Chunks(new)) => new < old,
            _ => false,
        };
        if narrower {
            learned.form = Some(forms.now);
        }
    }

    /// Its `Range` cannot be relied on: an upload that was resumed by it came out wrong.
    pub(crate) fn miscounts(&self) -> bool {
        self.learned().miscounts
    }

    /// See [`Self::miscounts`].
    pub(crate) fn miscounted(&self) {
        self.learned().miscounts = true;
    }

    fn learned(&self) -> std::sync::MutexGuard<'_, Learned> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    /// The forms that are tried until none is left, if every one is refused so.
    fn tried(size: u64, learned: Option<Form>, repeatable: bool, status: u16) -> Vec<Form> {
        let mut forms = Forms::new(size, learned, repeatable);
        let mut all = vec![forms.now];
        while forms.refused(status) {
            all.push(forms.now);
        }
        all
    }

    #[test]
    fn every_form_is_tried_once_and_none_for_ever() {
        use Form::{Chunks, Stream, Whole};
        let five = Chunks(5 * MIB);
        assert_eq!(tried(100, None, true, 415), [Whole, Stream]);
        assert_eq!(tried(9 * MIB, None, true, 404), [Whole, Stream, five]);
        assert_eq!(tried(9 * MIB, None, false, 404), [Stream, Whole, five]);
        assert_eq!(tried(9 * MIB, Some(Whole), true, 404), [Whole]);
        assert_eq!(
            tried(9 * MIB, Some(Whole), true, 405),
            [Whole, Stream, five]
        );
        assert_eq!(
            tried(9 * MIB, None, true, 413),
            [Whole, five, Chunks(MIB), Chunks(MIB / 4)]
        );
        assert_eq!(
            tried(2 * MIB, None, true, 413),
            [Whole, Chunks(MIB), Chunks(MIB / 4)]
        );
        assert_eq!(tried(100, None, true, 413), [Whole, Stream]);
        assert_eq!(
            tried(9 * MIB, Some(Chunks(MIB)), true, 413),
            [Chunks(MIB), Chunks(MIB / 4)]
        );
        assert_eq!(tried(9 * MIB, None, true, 403), [Whole]);
    }

    #[test]
    fn what_a_registry_needs_is_learned_and_never_unlearned() {
        let quirks = Quirks::default();
        let mut forms = Forms::new(9 * MIB, quirks.form(), true);
        quirks.succeeded(&Forms::new(9 * MIB, None, false));
        assert_eq!(
            quirks.form(),
            None,
            "a PATCH that nothing was refused before"
        );
        quirks.succeeded(&forms);
        assert_eq!(quirks.form(), Some(Form::Whole));
        assert!(forms.refused(413) && forms.refused(413));
        quirks.succeeded(&forms);
        assert_eq!(quirks.form(), Some(Form::Chunks(MIB)));
        quirks.succeeded(&Forms::new(100, None, true));
        assert_eq!(quirks.form(), Some(Form::Chunks(MIB)));
    }
}
