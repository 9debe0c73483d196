/*!
The update graph: which OpenShift version can be updated to which, carried as an image.

An update service inside the gap (OSUS) cannot ask the internet for that. It runs an image as an init container, which
copies the data out of itself; that image is made here, from the data ([`GraphData`]) and a base image that has `bash`
and `cp`. The same data on the same base gives the same bytes, whoever makes it.

```text
tarball or directory → GraphData → data layer → image() → Resolved, as if it had been read from a registry
```
*/

mod collector;
mod data;
mod error;
mod fetch;
mod image;
mod image_config;
mod layer;
mod tarball;
#[cfg(test)]
mod tests;

pub use data::GraphData;
pub use error::GraphError;
pub use fetch::{GraphInput, data};
pub use image::image;
