//! The kernel's memory for sockets, as far as it tells.

use std::collections::BTreeMap;
use std::{fs, io};

/// The objects that the kernel has allocated.
pub struct Slabs(BTreeMap<String, Cache>);

#[derive(Clone, Copy)]
struct Cache {
    objects: usize,
    bytes: usize,
}

impl Slabs {
    /// Counts them. Only root may.
    pub fn count() -> io::Result<Self> {
        let info = fs::read_to_string("/proc/slabinfo")?;
        let caches = info.lines().skip(2).filter_map(|line| {
            let mut fields = line.split_ascii_whitespace();
            let name = fields.next()?.to_owned();
            let objects = fields.next()?.parse().ok()?;
            let bytes = fields.nth(1)?.parse().ok()?;
            Some((name, Cache { objects, bytes }))
        });
        Ok(Self(caches.collect()))
    }

    /// Returns how many objects have been added for each of so many sockets.
    pub fn growth(&self, before: &Self, sockets: usize) -> Growth {
        let growth = self.0.iter().map(|(name, cache)| {
            let objects = before.0.get(name).map_or(0, |cache| cache.objects);
            let each = cache.objects.saturating_sub(objects) as f64 / sockets as f64;
            (name.clone(), (each, cache.bytes))
        });
        Growth(growth.collect())
    }
}

/// The number of objects for each socket and the size of one, by the name of their cache.
pub struct Growth(BTreeMap<String, (f64, usize)>);

impl Growth {
    /// Keeps the lesser numbers: other programs allocate, too.
    pub fn least(&mut self, other: &Self) {
        for (name, (each, _)) in &mut self.0 {
            *each = each.min(other.0.get(name).map_or(0.0, |(each, _)| *each));
        }
    }

    /// Returns the bytes that a socket takes, and in which caches. One of two sockets has a port of
    /// its own, so half an object counts.
    pub fn sum(&self) -> (usize, Vec<&str>) {
        let taken = self.0.iter().filter(|(_, (each, _))| *each > 0.4);
        let bytes = taken.clone().map(|(_, (each, bytes))| each * *bytes as f64).sum::<f64>();
        (bytes.round() as usize, taken.map(|(name, _)| name.as_str()).collect())
    }
}

/// Returns how many bytes TCP uses for what is on its way, of all programs together.
pub fn tcp_buffers() -> io::Result<usize> {
    let sockstat = fs::read_to_string("/proc/net/sockstat")?;
    let tcp = sockstat.lines().find_map(|line| line.strip_prefix("TCP:")).unwrap_or_default();
    let mut fields = tcp.split_ascii_whitespace().skip_while(|field| *field != "mem");
    let pages: usize = fields.nth(1).unwrap_or_default().parse().map_err(io::Error::other)?;
    Ok(pages * 4096)
}
