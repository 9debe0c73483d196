/*! The wish to end: of the person at the terminal, or of the system. */

use tokio::signal::unix::{SignalKind, signal};

/// Ctrl-C, or the system's request to end.
pub async fn interrupted() {
    let Ok(mut terminate) = signal(SignalKind::terminate()) else {
        return std::future::pending().await;
    };
    tokio::select! {
        pressed = tokio::signal::ctrl_c() => {
            if pressed.is_err() {
                std::future::pending::<()>().await;
            }
        }
        _ = terminate.recv() => {}
    }
}
