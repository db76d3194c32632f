//! Runs every target over its corpus, and over mutations of it that derive from a
//! seed. `STORAGE_FUZZ_TIMES` multiplies their number, `STORAGE_TEST_SEED` changes
//! the seed. Input that breaks a promise is saved in `target/fuzz/`; add it to the
//! corpus with the fix.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use storage_fuzz::{Target, target};

const SEED: u64 = 20_261_127;

/// The most bytes of a mutated input.
const MOST: usize = 16 * 1024;

/// Set by a panic in any thread; one in the endpoint would not end the test by
/// itself.
static PANICKED: AtomicBool = AtomicBool::new(false);

fn number(name: &str, default: u64) -> u64 {
    match std::env::var(name) {
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("{name} is not a number")),
        Err(_) => default,
    }
}

/// The inputs of a folder, and of each folder within, of which mutations have equal
/// shares.
fn corpus(directory: &Path) -> Vec<Vec<Vec<u8>>> {
    let entries = fs::read_dir(directory).expect("a corpus for every target");
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    paths.sort();
    let (folders, files): (Vec<_>, Vec<_>) = paths.into_iter().partition(|path| path.is_dir());
    assert!(!files.is_empty(), "{} is empty", directory.display());
    let own = files.iter().map(|file| fs::read(file).expect("a file")).collect();
    let within = folders.iter().flat_map(|folder| corpus(folder));
    std::iter::once(own).chain(within).collect()
}

fn replay(name: &str) {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    // One failed target must not stop the others.
    let _one = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let previous = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        PANICKED.store(true, Ordering::SeqCst);
        previous(panic);
    }));
    let target = target(name);
    let corpus = corpus(&Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(name));
    for input in corpus.iter().flatten() {
        try_on(target, input);
    }
    let seed = number("STORAGE_TEST_SEED", SEED);
    let mut random = fastrand::Rng::with_seed(seed);
    let times = usize::try_from(number("STORAGE_FUZZ_TIMES", 1)).expect("a number");
    for _ in 0..target.short * times {
        try_on(target, &mutation(&corpus, &mut random));
    }
    let inputs = corpus.iter().flatten().count();
    println!("{name}: {inputs} inputs, {} mutations, seed {seed}", target.short * times);
    let _ = std::panic::take_hook();
}

fn try_on(target: &Target, input: &[u8]) {
    PANICKED.store(false, Ordering::SeqCst);
    let ended = std::panic::catch_unwind(|| (target.run)(input));
    if ended.is_err() || PANICKED.load(Ordering::SeqCst) {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/fuzz");
        fs::create_dir_all(&directory).expect("a directory");
        let file = directory.join(format!("{}-{}", target.name, input.len()));
        fs::write(&file, input).expect("a file");
        panic!("{} broke a promise over {}", target.name, file.display());
    }
}

/// An input from the corpus with parts changed, removed, doubled, or taken from
/// another.
fn mutation(corpus: &[Vec<Vec<u8>>], random: &mut fastrand::Rng) -> Vec<u8> {
    let any = |random: &mut fastrand::Rng| {
        let group = &corpus[random.usize(..corpus.len())];
        &group[random.usize(..group.len())]
    };
    let mut input = any(random).clone();
    for _ in 0..1 << random.u32(0..5) {
        let at = random.usize(0..=input.len());
        let end = at + random.usize(0..=(input.len() - at).min(32));
        match random.u32(0..7) {
            0 => drop(input.drain(at..end)),
            1 => {
                let piece = input[at..end].to_vec();
                input.splice(at..at, piece);
            }
            2 => input.insert(at, random.u8(..)),
            3 => input.truncate(at),
            4 => {
                let other = any(random);
                let from = random.usize(0..=other.len());
                let to = from + random.usize(0..=(other.len() - from).min(64));
                input.splice(at..end, other[from..to].iter().copied());
            }
            5 => {
                const TELLING: &[&[u8]] = &[
                    b"\0",
                    b"\xff",
                    b"\xff\xff\xff\xff",
                    b"\r\n",
                    b"%00",
                    b"..",
                    b"/",
                    b"\xed\xa0\x80",
                ];
                input.splice(at..at, TELLING[random.usize(..TELLING.len())].iter().copied());
            }
            _ => {
                if let Some(byte) = input.get_mut(at) {
                    *byte ^= 1 << random.u32(0..8);
                }
            }
        }
    }
    input.truncate(MOST);
    input
}

#[test]
fn any_configuration_is_taken_or_refused_with_places() {
    replay("config");
}

#[test]
fn any_keys_are_kept_apart_and_found_again() {
    replay("keys");
}

#[test]
fn any_bytes_are_read_alike_whole_and_in_pieces() {
    replay("streams");
}

#[test]
fn any_file_opened_as_an_archive_loses_nothing() {
    replay("archive");
}

#[test]
fn any_request_is_read_alike_whole_and_in_pieces_and_none_is_taken_for_a_signed_one() {
    replay("requests");
}

#[test]
fn any_file_opened_as_a_database_is_used_or_refused() {
    replay("database");
}

#[test]
fn any_request_is_answered_and_others_are_served() {
    replay("endpoint");
}

#[test]
fn any_file_loaded_as_a_plug_in_is_refused_or_contained() {
    replay("plugin");
}
