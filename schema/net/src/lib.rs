/*!
The network as other programs of this field see it.

What docker, skopeo and oc do with the same environment is what users expect of anything that talks to registries or clusters:
[`proxy`] is the one that the environment asks for, and [`process`] runs the programs that know credentials, within limits.
[`causes`] finds in an error of HTTP or TLS what a user can act on, [`tls`] says what to mend, and [`wait`] reads how long a
server asks to be left alone.

```
let error = std::io::Error::other(std::io::Error::from(std::io::ErrorKind::TimedOut));
assert!(net::causes::of_kind(&error, std::io::ErrorKind::TimedOut));
```
*/

pub mod causes;
pub mod process;
pub mod proxy;
pub mod tls;
pub mod verify;
pub mod wait;
