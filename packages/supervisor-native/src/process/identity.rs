//! Names a process so that it cannot be mistaken for another one, on this machine or elsewhere.

use super::stat::Stat;
use crate::sys;
use crate::wire::sink::Sink;
use crate::wire::value::Value;

/// Machine, boot and pid namespace of processes. A part that cannot be read is empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    pub boot_id: String,
    pub machine_id: String,
    pub pid_namespace: String,
    /// What start times are counted in. It may differ from that of another process in the same pid namespace.
    pub time_namespace: String,
}

impl Place {
    pub fn current() -> Self {
        Self {
            boot_id: read_trimmed("/proc/sys/kernel/random/boot_id"),
            machine_id: read_trimmed("/etc/machine-id"),
            pid_namespace: read_link("/proc/self/ns/pid"),
            time_namespace: read_link("/proc/self/ns/time"),
        }
    }

    /// Whether start times that were read there can be compared with those that are read here.
    fn has_same_clock(&self, here: &Self) -> bool {
        let unknown = self.time_namespace.is_empty() || here.time_namespace.is_empty();
        unknown || self.time_namespace == here.time_namespace
    }
}

fn read_link(path: &str) -> String {
    let target = std::fs::read_link(path).ok();
    target.and_then(|path| path.to_str().map(str::to_owned)).unwrap_or_default()
}

fn read_trimmed(path: &str) -> String {
    std::fs::read_to_string(path).map(|text| text.trim().to_owned()).unwrap_or_default()
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    pub pid: i32,
    /// None without `/proc`.
    pub start_time: Option<u64>,
    pub place: Place,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Liveness {
    Alive,
    Dead,
    /// It belongs to another machine, boot or pid namespace: unknown here.
    Unknown,
}

impl Identity {
    pub fn of(pid: i32, start_time: Option<u64>, place: &Place) -> Self {
        Self { pid, start_time, place: place.clone() }
    }

    /// None for what is no identity.
    pub fn from_value(value: &Value) -> Option<Self> {
        let text = |key: &str| value.get(key).and_then(Value::as_text).map(str::to_owned);
        Some(Self {
            pid: i32::try_from(value.get("pid")?.as_int()?).ok()?,
            start_time: value.get("startTime").and_then(Value::as_int).and_then(|ticks| u64::try_from(ticks).ok()),
            place: Place {
                boot_id: text("bootId")?,
                machine_id: text("machineId").unwrap_or_default(),
                pid_namespace: text("pidNamespace").unwrap_or_default(),
                time_namespace: text("timeNamespace").unwrap_or_default(),
            },
        })
    }

    /// `kill(pid, 0)` does not show it: pids are reused, and it succeeds for a zombie.
    pub fn liveness(&self, here: &Place) -> Liveness {
        let place = &self.place;
        if place.machine_id != here.machine_id {
            return Liveness::Unknown;
        }
        if place.boot_id != here.boot_id {
            // Without a machine id, as in many containers, another boot may as well be another machine.
            return if here.machine_id.is_empty() { Liveness::Unknown } else { Liveness::Dead };
        }
        if !self.is_here(here) {
            return Liveness::Unknown;
        }
        match Stat::of(self.pid) {
            Some(stat) if stat.is_alive() && !place.has_same_clock(here) => Liveness::Unknown,
            Some(stat) if stat.is_alive() && self.start_time.is_none_or(|ticks| ticks == stat.start_time) => {
                Liveness::Alive
            }
            Some(_) => Liveness::Dead,
            // `hidepid` hides the processes of other users, but the kernel knows which pids there are.
            None if sys::kill(self.pid, 0).is_err_and(|error| error.raw_os_error() == Some(sys::ESRCH)) => {
                Liveness::Dead
            }
            None => Liveness::Unknown,
        }
    }

    /// Whether its pid means the same process here: same machine, boot and pid namespace.
    pub fn is_here(&self, here: &Place) -> bool {
        let there = &self.place;
        there.machine_id == here.machine_id
            && there.boot_id == here.boot_id
            && there.pid_namespace == here.pid_namespace
            && !here.pid_namespace.is_empty()
    }

    pub fn write(&self, sink: &mut dyn Sink) {
        sink.map(6);
        sink.key("pid");
        sink.int(i64::from(self.pid));
        sink.key("startTime");
        match self.start_time {
            Some(ticks) => sink.count(ticks),
            None => sink.nil(),
        }
        sink.key("bootId");
        sink.text(&self.place.boot_id);
        sink.key("machineId");
        sink.text(&self.place.machine_id);
        sink.key("pidNamespace");
        sink.text(&self.place.pid_namespace);
        sink.key("timeNamespace");
        sink.text(&self.place.time_namespace);
        sink.end();
    }
}
