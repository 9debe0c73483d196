/*!
A second opinion.

Go's YAML is libyaml in another language, so libyaml is asked whether it sees the same nodes and texts. Two parsers that were
written independently of each other must agree on every document, so what nobody thought of is refused too.
*/

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::{
    Location, ObjectsError,
    documents::Piece,
    node::{Mark, Node, NodeKind},
};

/// Checks that libyaml reads a document as it was read.
pub(super) fn agrees(piece: &Piece, node: &Node) -> Result<(), ObjectsError> {
    let differs = std::cell::Cell::new(None);
    let expected = Expected {
        node,
        differs: &differs,
    };
    let reader = serde_yaml::Deserializer::from_str(&piece.text);
    let Err(error) = expected.deserialize(reader) else {
        return Ok(());
    };
    let (at, reason) = match (differs.get(), error.location()) {
        (Some(at), _) => (
            at,
            "readers of YAML disagree on what stands here; write it more simply, in quotes and on one line".to_owned(),
        ),
        (None, location) => {
            let at = location.map_or((piece.line, 1), |location| {
                let line = piece.line + (location.line() as u64).saturating_sub(1);
                (line, location.column() as u64)
            });
            (
                at,
                format!("libyaml, and kubectl like it, cannot read this: {}", plainly(&error)),
            )
        }
    };
    let location = Location {
        document: piece.document,
        line: Some(at),
    };
    Err(ObjectsError::malformed(location, &reason))
}

/// Without the place, which is that in the document alone.
fn plainly(error: &serde_yaml::Error) -> String {
    let message = error.to_string();
    let reason = message.split(" at line ").next().unwrap_or(&message);
    reason
        .rsplit_once(": ")
        .map_or(reason, |(_, reason)| reason)
        .to_owned()
}

/// What libyaml should find, and where it first found something else.
#[derive(Clone, Copy)]
struct Expected<'a> {
    node: &'a Node,
    differs: &'a std::cell::Cell<Option<Mark>>,
}

impl<'a> Expected<'a> {
    fn below(self, node: &'a Node) -> Self {
        Self { node, ..self }
    }

    fn differ<T, E: Error>(self, at: Mark) -> Result<T, E> {
        if self.differs.get().is_none() {
            self.differs.set(Some(at));
        }
        Err(E::custom("readers disagree"))
    }
}

impl<'de> DeserializeSeed<'de> for Expected<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        match &*self.node.kind {
            NodeKind::Scalar(..) => deserializer.deserialize_str(self),
            NodeKind::List(_) => deserializer.deserialize_seq(self),
            NodeKind::Map(_) => deserializer.deserialize_map(self),
        }
    }
}

impl<'de> Visitor<'de> for Expected<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match &*self.node.kind {
            NodeKind::Scalar(..) => "a text",
            NodeKind::List(_) => "a list",
            NodeKind::Map(_) => "a mapping",
        })
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        if self.node.kind.text() == Some(text) {
            Ok(())
        } else {
            self.differ(self.node.at)
        }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<(), A::Error> {
        let NodeKind::List(items) = &*self.node.kind else {
            return self.differ(self.node.at);
        };
        for item in items {
            if access.next_element_seed(self.below(item))?.is_none() {
                return self.differ(item.at);
            }
        }
        match access.next_element::<IgnoredAny>()? {
            None => Ok(()),
            Some(_) => self.differ(self.node.at),
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<(), A::Error> {
        let NodeKind::Map(entries) = &*self.node.kind else {
            return self.differ(self.node.at);
        };
        for entry in entries {
            if access.next_key::<String>()?.as_ref() != Some(&entry.key) {
                return self.differ(entry.at);
            }
            access.next_value_seed(self.below(&entry.value))?;
        }
        match access.next_key::<IgnoredAny>()? {
            None => Ok(()),
            Some(_) => self.differ(self.node.at),
        }
    }
}
