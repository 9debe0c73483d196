/*!
One YAML document, from the events of a parser of YAML 1.2 to nodes that every reader would see.

The two standards, and Go's YAML beside them, agree on most of what people write. Where they do not, the document is refused with
its place and with what to write instead: tags, merge keys that depend on their order, keys that are no texts, and the
scalars of `scalar`. That libyaml, from which Go's YAML was made, sees the same nodes is checked once more by `second`.
*/

use std::collections::{HashMap, HashSet};

use granit_parser::{Event, Options, Parser, ScalarStyle, Span, StrInput, StructureStyle, options};

use super::{
    Location, ObjectsError,
    documents::Piece,
    node::{Entry, MERGE, Mark, Node, NodeKind},
    scalar,
};

/// Levels of nesting; aliases count as what they stand for.
const DEPTH: u32 = 100;

/// Nodes of one file.
pub(super) const NODES: usize = 1_000_000;

/// Reads a document. `nodes` counts what has been read of the file.
pub(super) fn compose(piece: &Piece, nodes: &mut usize) -> Result<Node, ObjectsError> {
    let mut composer = Composer {
        piece,
        parser: Parser::new_from_str_with_options(&piece.text, settings()),
        anchors: HashMap::new(),
        nodes,
    };
    composer.document()
}

fn settings() -> Options {
    let mut options = options! {
        disallow_directives: true,
        flow_nesting_limit: DEPTH as usize,
        block_nesting_limit: DEPTH as usize,
    };
    options.set_emit_comments(false);
    options
}

struct Composer<'a> {
    piece: &'a Piece,
    parser: Parser<'a, StrInput<'a>>,
    anchors: HashMap<usize, Node>,
    nodes: &'a mut usize,
}

/// Where a node stands among the others.
#[derive(Clone, Copy)]
struct Around {
    depth: u32,
    /// Inside `[…]` or `{…}`.
    flow: bool,
    /// The document, or its metadata: what says which object it is.
    identity: bool,
}

impl<'a> Composer<'a> {
    fn document(&mut self) -> Result<Node, ObjectsError> {
        let mut root = None;
        loop {
            let (event, span) = self.next()?;
            match event {
                Event::StreamStart | Event::DocumentStart(..) | Event::DocumentEnd => {}
                Event::StreamEnd => break,
                event if root.is_none() => {
                    let around = Around {
                        depth: 0,
                        flow: false,
                        identity: true,
                    };
                    root = Some(self.node(event, span, around)?);
                }
                _ => {
                    return self.refuse(
                        span,
                        "a second document begins here without a '---' line, and kubectl would drop it; put '---' before it",
                    );
                }
            }
        }
        root.ok_or_else(|| self.malformed((self.piece.line, 1), "the document holds nothing"))
    }

    fn next(&mut self) -> Result<(Event<'a>, Span), ObjectsError> {
        match self.parser.next_event() {
            Some(Ok(next)) => Ok(next),
            Some(Err(error)) => {
                let at = self.at(error.marker().line(), error.marker().col());
                Err(self.malformed(at, &format!("not YAML: {}", error.info())))
            }
            None => Err(self.malformed((self.piece.line, 1), "the document ends too early")),
        }
    }

    fn node(&mut self, event: Event<'a>, span: Span, around: Around) -> Result<Node, ObjectsError> {
        *self.nodes += 1;
        if *self.nodes > NODES {
            return self.refuse(
                span,
                "more than a million values; split the file into several",
            );
        }
        if around.depth > DEPTH {
            return self.refuse(span, "nested more than 100 levels deep");
        }
        if let Some(tag) = event.tag() {
            let reason = format!(
                "the tag {} means one thing to some readers and another to others; leave it out, and put a text in quotes",
                tag.original()
            );
            return self.refuse(span, &reason);
        }
        let anchor = event.anchor_id();
        let (kind, height) = match event {
            Event::Alias(id) => return self.alias(id, span, around),
            Event::Scalar(text, style, ..) => {
                (self.scalar(written(&text, span), style, span, around)?, 0)
            }
            Event::SequenceStart(style, ..) => self.list(style, around)?,
            Event::MappingStart(style, ..) => self.map(style, span, anchor.is_some(), around)?,
            _ => return self.refuse(span, "expected a value"),
        };
        let node = Node {
            at: self.mark(span),
            kind: kind.into(),
            height,
        };
        if let Some(id) = anchor {
            self.anchors.insert(id, node.clone());
        }
        Ok(node)
    }

    fn alias(&mut self, id: usize, span: Span, around: Around) -> Result<Node, ObjectsError> {
        let Some(node) = self.anchors.get(&id) else {
            return self.refuse(span, "an alias inside of what it stands for");
        };
        if around.depth + node.height > DEPTH {
            return self.refuse(span, "nested more than 100 levels deep");
        }
        Ok(Node {
            at: self.mark(span),
            ..node.clone()
        })
    }

    fn scalar(
        &self,
        text: &str,
        style: ScalarStyle,
        span: Span,
        around: Around,
    ) -> Result<NodeKind, ObjectsError> {
        if style != ScalarStyle::Plain {
            self.check_escapes(style, span)?;
            return Ok(NodeKind::Scalar(text.into(), None));
        }
        if around.flow && (text.contains('?') || text.starts_with(':')) {
            return self.refuse(
                span,
                "older readers end a text at '?', or before ':', inside brackets; put it in quotes",
            );
        }
        let value = scalar::resolve(text).or_else(|reason| self.refuse(span, &reason))?;
        let own = (!value.is_string()).then(|| text.into());
        Ok(NodeKind::Scalar(value, own))
    }

    /// `\/` is of YAML 1.2 alone.
    fn check_escapes(&self, style: ScalarStyle, span: Span) -> Result<(), ObjectsError> {
        let written = span.slice(&self.piece.text).unwrap_or_default();
        let mut escaped = false;
        for c in written
            .chars()
            .filter(|_| style == ScalarStyle::DoubleQuoted)
        {
            if escaped && c == '/' {
                return self.refuse(span, "kubectl cannot read the escape \\/; write / alone");
            }
            escaped = c == '\\' && !escaped;
        }
        Ok(())
    }

    fn list(
        &mut self,
        style: StructureStyle,
        around: Around,
    ) -> Result<(NodeKind, u32), ObjectsError> {
        let below = Around {
            depth: around.depth + 1,
            flow: style == StructureStyle::Flow,
            identity: false,
        };
        let (mut items, mut height) = (Vec::new(), 0);
        loop {
            let (event, span) = self.next()?;
            if event == Event::SequenceEnd {
                return Ok((NodeKind::List(items), height));
            }
            let item = self.node(event, span, below)?;
            height = height.max(item.height + 1);
            items.push(item);
        }
    }

    fn map(
        &mut self,
        style: StructureStyle,
        span: Span,
        anchored: bool,
        around: Around,
    ) -> Result<(NodeKind, u32), ObjectsError> {
        let flow = style == StructureStyle::Flow;
        if flow && !anchored && !self.after(span).starts_with('{') {
            return self.refuse(
                span,
                "a pair inside of a list without braces; put {} around it",
            );
        }
        let (mut entries, mut height) = (Vec::new(), 0);
        let mut keys = HashSet::new();
        loop {
            let (event, span) = self.next()?;
            if event == Event::MappingEnd {
                return Ok((NodeKind::Map(entries), height));
            }
            let at = self.mark(span);
            let (key, merges) = self.key(event, span, flow)?;
            if !keys.insert(key.clone()) {
                let reason = format!(
                    "duplicate key {key:?}: kubectl takes the last, others the first; keep one of them"
                );
                return self.refuse(span, &reason);
            }
            if merges && (around.identity || !entries.is_empty()) {
                return self.refuse(
                    span,
                    "what '<<' merges depends on the reader here; make it the first key of its mapping (and not in metadata or \
                     beside kind), or write the keys out",
                );
            }
            let (event, span) = self.next()?;
            let below = Around {
                depth: around.depth + 1,
                flow,
                identity: around.depth == 0 && key == "metadata",
            };
            if flow && is_nothing(&event, span) {
                let reason = format!(
                    "the key {key:?} has no value here; write a space behind its colon and then the value, or null"
                );
                return self.refuse(span, &reason);
            }
            let value = self.node(event, span, below)?;
            if merges && !matches!(&*value.kind, NodeKind::Map(_)) {
                return self.refuse(
                    span,
                    "'<<' merges one mapping; write the keys of others out",
                );
            }
            height = height.max(value.height + 1);
            entries.push(Entry { key, at, value });
        }
    }

    /// A key, and whether it merges.
    fn key(
        &mut self,
        event: Event<'a>,
        span: Span,
        flow: bool,
    ) -> Result<(String, bool), ObjectsError> {
        if event.tag().is_some() || event.anchor_id().is_some() {
            return self.refuse(span, "a key with a tag or an anchor; write it plainly");
        }
        let Event::Scalar(text, style, ..) = event else {
            return self.refuse(
                span,
                "a key that is no text; write it out, in quotes if need be",
            );
        };
        if style != ScalarStyle::Plain {
            self.check_escapes(style, span)?;
            if text == MERGE {
                return self.refuse(
                    span,
                    "\"<<\" as a key merges for some readers even in quotes; choose another",
                );
            }
            return Ok((text.into_owned(), false));
        }
        if text == MERGE {
            return Ok((text.into_owned(), true));
        }
        if flow && (text.contains('?') || text.starts_with(':')) {
            return self.refuse(span, "put this key in quotes");
        }
        let key = scalar::key(written(&text, span)).or_else(|reason| self.refuse(span, &reason))?;
        Ok((key, false))
    }

    fn after(&self, span: Span) -> &'a str {
        let range = span.byte_range().unwrap_or_default();
        self.piece.text.get(range.start..).unwrap_or_default()
    }

    fn mark(&self, span: Span) -> Mark {
        self.at(span.start.line(), span.start.col())
    }

    fn at(&self, line: usize, column: usize) -> Mark {
        (
            self.piece.line + (line as u64).saturating_sub(1),
            column as u64 + 1,
        )
    }

    fn refuse<T>(&self, span: Span, reason: &str) -> Result<T, ObjectsError> {
        Err(self.malformed(self.mark(span), reason))
    }

    fn malformed(&self, at: Mark, reason: &str) -> ObjectsError {
        let location = Location {
            document: self.piece.document,
            line: Some(at),
        };
        ObjectsError::malformed(location, reason)
    }
}

/// The text as it is written: where there is none, the parser says `~`.
fn written(text: &str, span: Span) -> &str {
    if span.is_empty() { "" } else { text }
}

fn is_nothing(event: &Event<'_>, span: Span) -> bool {
    matches!(event, Event::Scalar(_, ScalarStyle::Plain, ..) if span.is_empty())
}
