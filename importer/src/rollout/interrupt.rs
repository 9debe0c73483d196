/*! The wish to end: of the person at the terminal, of the system, or of a session that is gone. */

use tokio::signal::unix::{SignalKind, signal};

/// Ctrl-C, the system's request to end, or a hang-up of the terminal.
pub async fn interrupted() {
    let kinds = [
        SignalKind::interrupt(),
        SignalKind::terminate(),
        SignalKind::hangup(),
    ];
    let [Ok(mut interrupt), Ok(mut terminate), Ok(mut hangup)] = kinds.map(signal) else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
        _ = hangup.recv() => {}
    }
}
