/*! What stands before the first listed file: the index and its signature, read within limits and believed in nothing. */

use std::io::Read;

use crate::bundle::{
    Error,
    reading::sequential,
    signing::keys::{KeyId, Signature},
    tape::{
        INDEX_NAME,
        header::{self, BLOCK},
        signature_name,
    },
};

/// The largest `bundle.json` that is read: 32 MiB.
pub const INDEX_LIMIT: u64 = 32 << 20;

/// What errors call the entry with the signature.
pub(crate) const SIGNATURES: &str = "signatures/";

/// Reads `bundle.json` and its signature. Each header is generated from the one thing it may say, and compared.
pub(crate) fn read_head(tape: &mut dyn Read) -> Result<(Vec<u8>, Signature), Error> {
    let found = block(tape, INDEX_NAME)?;
    let size = octal_size(&found)?;
    if size > INDEX_LIMIT {
        let reason = format!("bundle.json says it has {size} bytes, more than {INDEX_LIMIT}");
        return Err(Error::Head {
            entry: INDEX_NAME,
            reason,
        });
    }
    same_header(&header::of_head(INDEX_NAME, size)?, &found, INDEX_NAME)?;
    let index = content(tape, INDEX_NAME, size)?;

    let found = block(tape, SIGNATURES)?;
    let name: Vec<u8> = found
        .iter()
        .copied()
        .take_while(|&byte| byte != 0)
        .take(100)
        .collect();
    let key = signature_key(&String::from_utf8_lossy(&name))?;
    let size = octal_size(&found)?;
    same_header(
        &header::of_head(&signature_name(key), size)?,
        &found,
        SIGNATURES,
    )?;
    if size != 64 {
        return Err(signature_length(size));
    }
    let bytes = content(tape, SIGNATURES, size)?;
    let bytes = bytes
        .try_into()
        .map_err(|other: Vec<u8>| signature_length(other.len() as u64))?;
    Ok((index, Signature { key, bytes }))
}

fn block(tape: &mut dyn Read, entry: &'static str) -> Result<[u8; BLOCK as usize], Error> {
    let mut block = [0; BLOCK as usize];
    let count = read(tape, entry, &mut block)?;
    if count < block.len() {
        return Err(Error::Head {
            entry,
            reason: format!("it ends after {count} bytes of a tar header"),
        });
    }
    Ok(block)
}

/// The content and its padding; memory grows with what is really there, not with what a header claims.
fn content(tape: &mut dyn Read, entry: &'static str, size: u64) -> Result<Vec<u8>, Error> {
    let padded = size + header::padding(size);
    let mut bytes = Vec::new();
    tape.take(padded)
        .read_to_end(&mut bytes)
        .map_err(|error| Error::from_io(error, entry))?;
    if (bytes.len() as u64) < padded {
        let reason = format!("it ends after {} of {padded} bytes", bytes.len());
        return Err(Error::Head { entry, reason });
    }
    if bytes.drain(size as usize..).any(|byte| byte != 0) {
        return Err(Error::Head {
            entry,
            reason: "its padding is not zero".to_owned(),
        });
    }
    Ok(bytes)
}

fn read(tape: &mut dyn Read, entry: &'static str, buffer: &mut [u8]) -> Result<usize, Error> {
    sequential::fill(tape, buffer).map_err(|error| Error::from_io(error, entry))
}

fn same_header(expected: &[u8], found: &[u8], entry: &'static str) -> Result<(), Error> {
    match expected
        .iter()
        .zip(found)
        .position(|(expected, found)| expected != found)
    {
        None => Ok(()),
        Some(at) => {
            let reason = format!(
                "byte {at} of its tar header is {:#04x}, expected {:#04x}",
                found[at], expected[at]
            );
            Err(Error::Head { entry, reason })
        }
    }
}

/// The size field of a ustar header: eleven octal digits.
fn octal_size(header: &[u8]) -> Result<u64, Error> {
    let digits = std::str::from_utf8(&header[124..135]).ok();
    let size = digits.and_then(|digits| u64::from_str_radix(digits, 8).ok());
    size.ok_or_else(|| Error::Head {
        entry: INDEX_NAME,
        reason: "it does not start with a tar header".to_owned(),
    })
}

pub(crate) fn signature_key(name: &str) -> Result<KeyId, Error> {
    let id = name
        .strip_prefix("signatures/")
        .and_then(|name| name.strip_suffix(".sig"));
    let key = id.and_then(|id| id.parse().ok());
    key.ok_or_else(|| Error::Head {
        entry: SIGNATURES,
        reason: format!(
            "expected signatures/<key-id>.sig after bundle.json, found {:?}",
            name
        ),
    })
}

pub(crate) fn signature_length(found: u64) -> Error {
    Error::Head {
        entry: SIGNATURES,
        reason: format!("the signature has {found} bytes, expected 64"),
    }
}
