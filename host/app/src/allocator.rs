//! Settings of the C library's allocator for many streaming threads.

/// Limits glibc malloc to two arenas. By default glibc creates up to eight per
/// processor, and each keeps what its threads once used: a streaming server
/// then holds several times the memory that it uses. Call this first, while the
/// process has one thread.
#[expect(unsafe_code, reason = "mallopt takes two numbers and is called before there are threads")]
pub fn tune() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: no pointers are involved, and no other thread allocates yet.
    unsafe {
        libc::mallopt(libc::M_ARENA_MAX, 2);
    }
}
