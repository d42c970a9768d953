#pragma once

#include <cstddef>
#include <string>

/// Where the memory of simulated devices, and pinned memory of the host, lies. Addresses are never
/// given twice, a page that nobody may touch stands between allocations, and what is fresh is full
/// of bits that are NaN. The memory of a device is closed to all but the work that is done; who
/// touches it otherwise ends the program, with a text that says what it was.
namespace nw::simulated {

inline constexpr int kHost = -1;  // as a device: pinned memory

/// Null where an address range cannot be had.
void* take_memory(int device, size_t bytes);
/// How many bytes were given back; 0: no such allocation lives there.
size_t give_memory(int device, void* memory);

/// Whether an address is one of an arena's, allocated or not.
bool is_in_arena(const void* address);

/// Opens the memory of this device, or of all (kAll), and closes that of the others; kHost: closes
/// all. By the thread that does the work only.
inline constexpr int kAll = 1 << 16;
void open_memory(int device);
/// The device that is open now, or kAll or kHost.
int open_now();

/// The calling thread is the one that does the work: the texts of its mistakes differ.
void is_worker();

}  // namespace nw::simulated
