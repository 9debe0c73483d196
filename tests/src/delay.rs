/*!
A link that is far away: everything that passes takes its time, and nothing else is changed.

For machines on which the kernel cannot delay packets (`tc netem`). Each direction takes half of the round trip, as does
the first byte after connecting; how much is under way at once is not limited by it.
*/

use std::{
    io::{Read, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};

/// Bytes taken at a time.
const BLOCK: usize = 64 << 10;

/// Blocks under way in one direction of a connection: 16 MiB, more than any window.
const UNDER_WAY: usize = 256;

/// A proxy in front of one address; it serves for as long as the process lives.
#[derive(Debug)]
pub struct Delay {
    /// Where it listens.
    pub addr: SocketAddr,
}

impl Delay {
    /// Puts so long a round trip in front of a server.
    pub fn before(server: SocketAddr, round_trip: Duration) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").context("cannot listen on 127.0.0.1")?;
        let addr = listener.local_addr()?;
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                // A connection that fails is the client's to notice.
                link(client, server, round_trip).ok();
            }
        });
        Ok(Self { addr })
    }

    /// `127.0.0.1:PORT`.
    pub fn host(&self) -> String {
        self.addr.to_string()
    }
}

fn link(client: TcpStream, server: SocketAddr, round_trip: Duration) -> Result<()> {
    let server = TcpStream::connect(server)?;
    for stream in [&client, &server] {
        stream.set_nodelay(true)?;
    }
    let connected = Instant::now() + round_trip;
    carry(
        client.try_clone()?,
        server.try_clone()?,
        connected,
        round_trip / 2,
    );
    carry(server, client, connected, round_trip / 2);
    Ok(())
}

/// One direction. Nothing begins before the connection would have been made.
fn carry(mut from: TcpStream, mut to: TcpStream, connected: Instant, delay: Duration) {
    let (sender, under_way) = mpsc::sync_channel::<(Instant, Vec<u8>)>(UNDER_WAY);
    thread::spawn(move || {
        let mut block = vec![0; BLOCK];
        while let Ok(count @ 1..) = from.read(&mut block) {
            let due = Instant::now().max(connected) + delay;
            if sender.send((due, block[..count].to_vec())).is_err() {
                break;
            }
        }
    });
    thread::spawn(move || {
        for (due, bytes) in under_way {
            thread::sleep(due.saturating_duration_since(Instant::now()));
            if to.write_all(&bytes).is_err() {
                break;
            }
        }
        // The other side may be gone already.
        to.shutdown(Shutdown::Write).ok();
    });
}
