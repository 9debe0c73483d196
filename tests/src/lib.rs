/*!
The harness under the integration tests, the demo and the benchmark.

It makes the images ([`images`]) and whole OpenShift releases ([`openshift`]) that are carried, finds the real components
to compare with ([`real`]), starts real clusters ([`cluster`]), and runs the two programs as an operator would
([`process`]). Servers that are watched from within and misbehave on request are in the crate [`fakes`]. It shares no
code with the client under test beyond the parsed words of `schema`, so that one mistake cannot hide on both sides.
*/

pub mod cluster;
pub mod delay;
pub mod heads;
pub mod images;
pub mod openshift;
pub mod process;
pub mod real;
pub mod shared;

/// Runs a future to its end on a runtime of its own, from code that is async or not.
pub fn block_on<T: Send>(future: impl Future<Output = T> + Send) -> anyhow::Result<T> {
    std::thread::scope(|scope| {
        let worker = scope.spawn(|| {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?;
            Ok(runtime.block_on(future))
        });
        worker
            .join()
            .map_err(|_| anyhow::anyhow!("the future panicked"))?
    })
}
