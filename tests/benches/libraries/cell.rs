//! The cells of the comparison.

use std::fmt;

/// A backend that stores the objects.
pub struct Backend {
    pub name: &'static str,
    pub title: &'static str,
    /// The decorators to put over it, one at a time.
    layers: &'static [&'static str],
    /// The number of small objects per turn.
    small: Counts,
    /// The number of large objects per turn.
    large: Counts,
}

#[derive(Clone, Copy)]
struct Counts {
    put: usize,
    get: usize,
}

/// The backends, with counts for turns of a fraction of a second.
pub const BACKENDS: &[Backend] = &[
    Backend {
        name: "memory",
        title: "In memory",
        layers: &["none", "logging", "prefix", "gzip"],
        small: Counts { put: 10_000, get: 20_000 },
        large: Counts { put: 100, get: 200 },
    },
    Backend {
        name: "filesystem",
        title: "In files",
        layers: &["none", "logging", "prefix"],
        small: Counts { put: 200, get: 2_000 },
        large: Counts { put: 30, get: 100 },
    },
    Backend {
        name: "sqlite",
        title: "In SQLite",
        layers: &["none"],
        small: Counts { put: 200, get: 2_000 },
        large: Counts { put: 30, get: 100 },
    },
    Backend {
        name: "bucket",
        title: "In a bucket",
        layers: &["none"],
        small: Counts { put: 100, get: 100 },
        large: Counts { put: 20, get: 20 },
    },
];

/// One cell of the table, measured for every library.
pub struct Cell {
    pub backend: &'static str,
    pub layer: &'static str,
    pub operation: &'static str,
    /// The size of each object, in bytes.
    pub size: usize,
    /// The number of objects to transfer or list.
    pub count: usize,
}

const SMALL: usize = 1024;
const LARGE: usize = 1024 * 1024;

/// The number of objects to list.
const LISTED: usize = 1_000;

impl Cell {
    pub fn all(backend: &Backend) -> Vec<Self> {
        let cell = |layer, operation, size, count| Cell {
            backend: backend.name,
            layer,
            operation,
            size,
            count,
        };
        let mut cells = Vec::new();
        for layer in backend.layers.iter().copied() {
            // Compressing a megabyte takes as long as storing a hundred.
            let fewer = if layer == "gzip" { 10 } else { 1 };
            cells.push(cell(layer, "put", SMALL, backend.small.put / fewer));
            cells.push(cell(layer, "get", SMALL, backend.small.get / fewer));
            cells.push(cell(layer, "put", LARGE, backend.large.put / fewer));
            cells.push(cell(layer, "get", LARGE, backend.large.get / fewer));
            if layer == "none" {
                cells.push(cell(layer, "list", 1, LISTED));
            }
        }
        cells
    }
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.operation, self.size) {
            ("list", _) => write!(f, "list {} objects", self.count)?,
            (operation, SMALL) => write!(f, "{operation} 1 KiB")?,
            (operation, _) => write!(f, "{operation} 1 MiB")?,
        }
        match self.layer {
            "none" => Ok(()),
            layer => write!(f, ", {layer}"),
        }
    }
}
