/*!
Signing keys under a passphrase (PKCS#8, PBES2; RFC 8018).

Whoever gets hold of a locked key can try passphrases for as long as they like, so each try must cost something: scrypt with
N = 2^17, r = 8, p = 1, which is 128 MiB and some tenths of a second. Keys that others locked are read as long as they cost no
more than that by an order of magnitude.
*/

use pkcs8::{
    EncryptedPrivateKeyInfoOwned, PrivateKeyInfoRef, SecretDocument,
    der::Decode as _,
    pkcs5::{
        pbes2::{Kdf, Parameters},
        scrypt,
    },
};

use crate::bundle::signing::error::KeyError;

/// log2 of N.
const COST: u8 = 17;

/// The most memory that opening a key may take: N · r · 128 bytes.
const MEMORY: u64 = 512 << 20;

/// The most blocks of 64 bytes that scrypt may mix: 32 times those of our own keys.
const MIXING: u64 = 1 << 26;

/// The most rounds of PBKDF2, some seconds of work.
const ROUNDS: u32 = 20_000_000;

/// Locks a private key.
pub(crate) fn lock(plain: &SecretDocument, passphrase: &str) -> Result<SecretDocument, KeyError> {
    let (mut salt, mut iv) = ([0; 16], [0; 16]);
    for random in [&mut salt, &mut iv] {
        getrandom::fill(random).map_err(|error| KeyError::Randomness(error.to_string()))?;
    }
    let cost = scrypt::Params::new(COST, 8, 1).map_err(KeyError::malformed)?;
    let parameters = Parameters::generate_scrypt_aes256cbc(cost, &salt, iv);
    let info = PrivateKeyInfoRef::from_der(plain.as_bytes()).map_err(KeyError::malformed)?;
    info.encrypt_with_params(parameters.map_err(KeyError::malformed)?, passphrase)
        .map_err(KeyError::malformed)
}

/// Unlocks one, if that costs no more than it may.
pub(crate) fn unlock(text: &str, passphrase: &str) -> Result<SecretDocument, KeyError> {
    let (_, document) = SecretDocument::from_pem(text).map_err(KeyError::malformed)?;
    let locked = EncryptedPrivateKeyInfoOwned::from_der(document.as_bytes());
    let locked = locked.map_err(KeyError::malformed)?;
    if let Some(parameters) = locked.encryption_algorithm.pbes2() {
        affordable(&parameters.kdf)?;
    }
    locked.decrypt(passphrase).map_err(|_| KeyError::Passphrase)
}

fn affordable(kdf: &Kdf) -> Result<(), KeyError> {
    let reason = match kdf {
        Kdf::Scrypt(scrypt) => {
            let blocks = scrypt
                .cost_parameter
                .saturating_mul(scrypt.block_size.into());
            let memory = blocks.saturating_mul(128);
            let mixing = blocks.saturating_mul(scrypt.parallelization.into());
            (memory > MEMORY || mixing > MIXING).then(|| {
                let (n, r, p) = (
                    scrypt.cost_parameter,
                    scrypt.block_size,
                    scrypt.parallelization,
                );
                format!("scrypt with N={n}, r={r}, p={p}, where 512 MiB of memory are allowed")
            })
        }
        Kdf::Pbkdf2(pbkdf2) => (pbkdf2.iteration_count > ROUNDS).then(|| {
            format!(
                "PBKDF2 with {} rounds, where {ROUNDS} are allowed",
                pbkdf2.iteration_count
            )
        }),
        _ => None,
    };
    reason.map_or(Ok(()), |reason| Err(KeyError::Cost(reason)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bundle::SigningKey;

    type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

    #[test]
    fn keys_are_locked_with_scrypt_at_two_to_the_seventeen() -> Result<()> {
        let key = SigningKey::generate()?;
        let text = key.to_pem(Some("swordfish"))?;
        let (label, document) = SecretDocument::from_pem(&text)?;
        assert_eq!(label, "ENCRYPTED PRIVATE KEY");
        let locked = EncryptedPrivateKeyInfoOwned::from_der(document.as_bytes())?;
        let parameters = locked.encryption_algorithm.pbes2().ok_or("no PBES2")?;
        let scrypt = parameters.kdf.scrypt().ok_or("no scrypt")?;
        assert_eq!(
            (
                scrypt.cost_parameter,
                scrypt.block_size,
                scrypt.parallelization
            ),
            (131_072, 8, 1)
        );
        let again = SigningKey::from_pem(&text, || Some("swordfish".to_owned().into()))?;
        assert_eq!(again.public(), key.public());
        let wrong = SigningKey::from_pem(&text, || Some("guess".to_owned().into()));
        assert_eq!(wrong.err(), Some(KeyError::Passphrase));
        Ok(())
    }

    #[test]
    fn a_key_that_would_take_all_memory_is_refused_before_it_does() -> Result<()> {
        for (n, r, p, fits) in [
            (14, 8, 1, true),
            (19, 8, 1, true),
            (20, 8, 1, false),
            (30, 8, 1, false),
            (17, 8, 65_000, false),
        ] {
            let parameters = Parameters::generate_scrypt_aes256cbc(
                scrypt::Params::new(n, r, p)?,
                &[1; 16],
                [2; 16],
            )?;
            assert_eq!(
                affordable(&parameters.kdf).is_ok(),
                fits,
                "N=2^{n}, r={r}, p={p}"
            );
        }
        for (rounds, fits) in [(600_000, true), (50_000_000, false)] {
            let parameters =
                Parameters::generate_pbkdf2_sha256_aes256cbc(rounds, &[1; 16], [2; 16])?;
            assert_eq!(affordable(&parameters.kdf).is_ok(), fits, "{rounds} rounds");
        }
        Ok(())
    }
}
