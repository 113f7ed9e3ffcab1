//! The clocks and random generators of a guest's WASI context.

use std::convert::Infallible;
use std::time::Duration;

use rand_core::TryRng;
use wasmtime_wasi::{HostMonotonicClock, HostWallClock, WasiCtxBuilder};

use super::{Clock, Tape};

/// What the clocks say they can tell apart.
const RESOLUTION: Duration = Duration::from_micros(1);

impl Tape {
    /// Gives a WASI context its clocks and random numbers.
    pub fn give(&self, builder: &mut WasiCtxBuilder) {
        builder
            .wall_clock(self.clone())
            .monotonic_clock(self.clone())
            .secure_random(self.clone())
            .insecure_random(self.clone())
            .insecure_random_seed(self.insecure_seed());
    }
}

impl HostWallClock for Tape {
    fn resolution(&self) -> Duration {
        RESOLUTION
    }

    fn now(&self) -> Duration {
        Duration::from_nanos(self.read(Clock::Wall))
    }
}

impl HostMonotonicClock for Tape {
    fn resolution(&self) -> u64 {
        super::nanos(RESOLUTION)
    }

    fn now(&self) -> u64 {
        self.read(Clock::Monotonic)
    }
}

impl TryRng for Tape {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut bytes = [0; 4];
        self.fill(&mut bytes);
        Ok(u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut bytes = [0; 8];
        self.fill(&mut bytes);
        Ok(u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        self.fill(bytes);
        Ok(())
    }
}
