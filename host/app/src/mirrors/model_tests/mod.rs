//! Tests mirrors against a model. Children lose objects, run full, fail, report failure
//! after success, and recover, under every policy, with and without a journal, with
//! healing and restarts in between.
//!
//! The decorator is the real one, run natively, and so is the healing. Both share
//! children, memory and locks, as in a server.

mod child;

use super::{Heal, Mirror, heal};
use child::{Child, Plain, Process, version};
use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Arc;
use storage_contract::env::{Env, Silent};
use storage_contract::kind::Args;
use storage_contract::store::{self as core, Store};
use storage_core::decorators::mirroring::MirroringStore;
use storage_core::decorators::mirroring::record::bucket_of;
use storage_sandbox::coordinator::Coordinator;
use storage_store::objects::Objects;
use storage_store::*;

/// SplitMix64.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % end
    }
    fn one_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }
}

/// The possible states of a key: the acknowledged one, and those of later writes and
/// deletes that failed but may have happened.
#[derive(Default)]
struct Key {
    may_be: BTreeSet<Option<u64>>,
    /// The record was lost: any earlier version may be back.
    forgotten: bool,
    ever: BTreeSet<Option<u64>>,
    /// The record may be too small to list this key separately.
    crowded: bool,
}

impl Key {
    fn acknowledged(&mut self, state: Option<u64>) {
        self.may_be = [state].into();
        self.forgotten = self.crowded;
        self.ever.insert(state);
    }
    fn attempted(&mut self, state: Option<u64>) {
        self.may_be.insert(state);
        self.ever.insert(state);
    }
    fn allows(&self, state: Option<u64>) -> bool {
        self.may_be.contains(&state) || (self.forgotten && self.ever.contains(&state))
    }
}

struct World {
    seed: u64,
    random: Random,
    children: Vec<Child>,
    journal: Option<Child>,
    policy: &'static str,
    process: Rc<Process>,
    store: MirroringStore,
    keys: BTreeMap<String, Key>,
    versions: u64,
    log: Vec<String>,
}

impl World {
    fn new(seed: u64, runtime: &Rc<tokio::runtime::Runtime>) -> Self {
        let mut random = Random(seed);
        let children: Vec<Child> = (0..2 + random.below(2)).map(|_| Child::default()).collect();
        let journal = random.one_in(2).then(Child::default);
        let policy = ["all", "quorum", "any"][random.below(3) as usize];
        let (process, store) = start(&children, journal.as_ref(), policy, runtime);
        let crowded = random.one_in(8);
        let first = |key| (key, Key { may_be: [None].into(), crowded, ..Key::default() });
        let keys: Vec<String> = match crowded {
            false => ["a", "b", "c/d"].map(str::to_owned).into(),
            true => crowd(),
        };
        let keys = keys.into_iter().map(first).collect();
        let log = vec![format!("seed {seed}: {policy}, journal: {}", journal.is_some())];
        Self { seed, random, children, journal, policy, process, store, keys, versions: 0, log }
    }

    fn wrong(&self, what: &str) -> ! {
        panic!("{what}\n{}\nSTORAGE_MIRROR_SEED={} repeats it", self.log.join("\n"), self.seed);
    }

    fn key(&mut self) -> String {
        self.keys.keys().nth(self.random.below(self.keys.len() as u64) as usize).unwrap().clone()
    }

    fn held(&self, key: &str) -> Vec<Option<u64>> {
        self.children.iter().map(|child| child.holds(key)).collect()
    }

    /// Does something to the mirror that deletes nothing but `deleted`, and checks that
    /// no last copy was lost.
    fn act(&mut self, what: String, deleted: &str, act: impl FnOnce(&mut Self)) {
        self.log.push(what);
        let before: Vec<_> = self.keys.keys().map(|key| self.held(key)).collect();
        act(self);
        for ((key, state), before) in self.keys.iter().zip(before) {
            let after = self.held(key);
            let had = before.iter().any(Option::is_some);
            if key == deleted || state.allows(None) || !had {
                continue;
            }
            if after.iter().all(Option::is_none) {
                self.wrong(&format!("the last copy of {key:?} went: {before:?}"));
            }
            let right = |held: &Option<u64>| held.is_some() && state.may_be.contains(held);
            if !state.forgotten && before.iter().any(right) && !after.iter().any(right) {
                self.wrong(&format!("the last right copy of {key:?}: {before:?}, {after:?}"));
            }
        }
    }

    fn write(&mut self) {
        let key = self.key();
        self.versions += 1;
        let version = self.versions;
        let (streamed, if_absent) = (self.random.one_in(3), self.random.one_in(3));
        let what = format!("write {key:?} {version}, streamed {streamed}, absent {if_absent}");
        self.act(what, "", |world| {
            let options = PutOptions { if_absent, ..PutOptions::default() };
            let data = version.to_string().into_bytes();
            let done = match streamed {
                false => world.store.put(&key, &data, &options),
                true => world.store.write(&key, &options).and_then(|mut writer| {
                    writer.push(&data)?;
                    writer.finish(Trailer::default())
                }),
            };
            world.log.push(format!("  {:?} {:?}", done.as_ref().map(drop), world.held(&key)));
            let state = world.keys.get_mut(&key).unwrap();
            match done {
                Ok(_) => state.acknowledged(Some(version)),
                Err(Error::AlreadyExists) if if_absent => {}
                Err(_) => state.attempted(Some(version)),
            }
        });
    }

    fn delete(&mut self) {
        let key = self.key();
        self.act(format!("delete {key:?}"), &key.clone(), |world| {
            let done = world.store.delete(&key, &DeleteOptions::default());
            world.log.push(format!("  {done:?} {:?}", world.held(&key)));
            let allowed =
                world.keys[&key].allows(None) || world.held(&key).iter().all(Option::is_none);
            let state = world.keys.get_mut(&key).unwrap();
            match done {
                Ok(()) => state.acknowledged(None),
                // It is deleted nevertheless.
                Err(Error::NotFound) if allowed => state.acknowledged(None),
                Err(Error::NotFound) => world.wrong(&format!("{key:?} is not found")),
                Err(_) => state.attempted(None),
            }
        });
    }

    fn read(&mut self) {
        let key = self.key();
        self.act(format!("read {key:?} {:?}", self.held(&key)), "", |world| {
            let got = world.store.get(&key, &ReadOptions::default());
            let got = got.map(|(_, data)| version(&data));
            world.log.push(format!("  {got:?}"));
            world.answered(&key, got);
            let exists = world.store.exists(&key);
            if let Ok(false) = exists {
                world.answered(&key, Err(Error::NotFound));
            }
        });
    }

    fn answered(&self, key: &str, got: Result<u64>) {
        let state = &self.keys[key];
        match got {
            Ok(version) if state.allows(Some(version)) => {}
            Ok(version) => self.wrong(&format!("{key:?} is {version}, not {:?}", state.may_be)),
            Err(Error::NotFound) if state.allows(None) => {}
            Err(Error::NotFound) if self.held(key).iter().any(Option::is_some) => {
                self.wrong(&format!("{key:?} is not found: {:?}", self.held(key)));
            }
            Err(_) => {}
        }
    }

    fn list(&mut self) {
        if self.children.iter().any(|child| child.state().down) {
            return;
        }
        // All children are asked again.
        self.process.time.set(self.process.time.get() + 60_000);
        self.act("list".to_owned(), "", |world| {
            let limit = Some(1 + world.random.below(3) as u32);
            let mut options = ListOptions { limit, ..ListOptions::default() };
            let mut keys = BTreeSet::new();
            loop {
                let Ok(page) = world.store.list(&options) else { return };
                keys.extend(page.entries.into_iter().map(|entry| entry.key));
                if page.next.is_none() {
                    break;
                }
                options.start_after = page.next;
            }
            for (key, state) in &world.keys {
                let held = world.held(key);
                let there = held.iter().any(Option::is_some) && !state.allows(None);
                let gone = !state.forgotten && state.may_be == [None].into();
                if there != keys.contains(key) && (there || gone) {
                    world.wrong(&format!("listed: {keys:?}, {key:?}: {held:?}"));
                }
            }
        });
    }

    /// If `lost`, each lock of it is lost once it is taken, and nothing may change.
    fn heal(&mut self, full: bool, lost: bool) {
        self.act(format!("heal, full {full}, lost {lost}"), "", |world| {
            let held = |world: &World| -> Vec<_> {
                world.keys.keys().map(|key| world.held(key)).collect()
            };
            let before = held(world);
            world.process.coordinator.lose_locks(lost);
            let objects = |name: String, child: &Child| {
                Objects::new(&name, Arc::new(child.clone()) as SharedStore)
            };
            let children = (0..).zip(&world.children);
            let children =
                children.map(|(n, child)| objects(format!("child-{n}"), child)).collect();
            let journal = world.journal.as_ref().map(|child| objects("journal".to_owned(), child));
            let mirror = Mirror::new("m", children, journal, world.process.coordinator.clone());
            let how = Heal { full, dry_run: false, watch: Arc::new(|_| ()) };
            let healed = world.process.runtime.block_on(heal(&mirror, &how));
            world.process.coordinator.lose_locks(false);
            let held = held(world);
            world.log.push(format!("  {:?} {held:?}", healed.map(|report| report.left)));
            assert!(!lost || held == before, "healed without its locks: {:#?}", world.log);
        });
    }

    fn restart(&mut self) {
        self.log.push("restart".to_owned());
        let runtime = self.process.runtime.clone();
        let journal = self.journal.as_ref();
        (self.process, self.store) = start(&self.children, journal, self.policy, &runtime);
        if self.journal.is_none() {
            self.keys.values_mut().for_each(|key| key.forgotten = true);
        }
    }

    fn spoil(&mut self) {
        let all = self.children.len() as u64;
        let number = self.random.below(all + 1) as usize;
        let Some(child) = self.children.get(number).or(self.journal.as_ref()).cloned() else {
            return;
        };
        let key = self.key();
        let what = self.random.below(5);
        let mut state = child.state();
        match what {
            0 => state.down = !state.down,
            1 => state.full = !state.full,
            2 => state.mute = !state.mute,
            // A journal that loses objects is out of scope.
            3 | 4 if number < self.children.len() => drop(state.objects.remove(&key)),
            _ => (state.down, state.full, state.mute) = (false, false, false),
        }
        self.log.push(format!(
            "child {number}: {what}, {key:?}; down {}, full {}, mute {}",
            state.down, state.full, state.mute
        ));
    }

    fn recover(&mut self) {
        self.log.push("all answer".to_owned());
        for child in self.children.iter().chain(&self.journal) {
            let mut state = child.state();
            (state.down, state.full, state.mute) = (false, false, false);
        }
        self.process.time.set(self.process.time.get() + 60_000);
    }

    fn step(&mut self) {
        self.process.time.set(self.process.time.get() + self.random.below(2_000));
        match self.random.below(25) {
            0..=5 => self.write(),
            6..=7 => self.delete(),
            8..=11 => self.read(),
            12..=13 => self.list(),
            14..=19 => self.spoil(),
            20 => self.heal(false, false),
            21 => self.heal(true, false),
            22 => self.heal(true, true),
            23 => self.restart(),
            _ => self.recover(),
        }
    }
}

/// More long keys than one bucket's record can list.
fn crowd() -> Vec<String> {
    let long = "x".repeat(900);
    let keys = (0..).map(|number| format!("{number}{long}"));
    keys.filter(|key| bucket_of(key) == 0).take(60).collect()
}

fn start(
    children: &[Child],
    journal: Option<&Child>,
    policy: &str,
    runtime: &Rc<tokio::runtime::Runtime>,
) -> (Rc<Process>, MirroringStore) {
    let time = Cell::new(1_000_000);
    let process =
        Rc::new(Process { coordinator: Coordinator::default(), runtime: runtime.clone(), time });
    let env =
        Env { observer: Rc::new(Silent), coordinator: process.clone(), context: Rc::new(Silent) };
    let all = children.iter().chain(journal);
    let bases = all.map(|child| Rc::new(Plain(Box::new(child.clone()))) as core::SharedStore);
    let mut names: Vec<String> = (0..children.len()).map(|n| format!("child-{n}")).collect();
    let mut config = serde_json::json!({ "write": policy });
    if journal.is_some() {
        names.push("journal".to_owned());
        config["journal"] = "journal".into();
    }
    let args = Args { name: "m".to_owned(), config, bases: bases.collect(), names, env };
    (process, MirroringStore::new(args).unwrap())
}

/// `STORAGE_MIRROR_HISTORIES` sets the number of histories; `STORAGE_MIRROR_SEED`
/// repeats one.
#[test]
fn what_a_child_held_and_nobody_deleted_is_readable_or_an_error_and_never_missing() {
    let from = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().unwrap());
    let seeds = match (from("STORAGE_MIRROR_SEED"), from("STORAGE_MIRROR_HISTORIES")) {
        (Some(seed), _) => seed..seed + 1,
        (None, histories) => 0..histories.unwrap_or(200),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let runtime = Rc::new(runtime);
    for seed in seeds {
        let mut world = World::new(seed, &runtime);
        for _ in 0..if world.keys.len() > 3 { 600 } else { 80 } {
            world.step();
        }
    }
}
