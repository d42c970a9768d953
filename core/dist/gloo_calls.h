#pragma once

#include <span>

#include "core/dist/gloo_frames.h"

namespace nw::dist {

// The collectives over Gloo's connections, on row-major numbers of call.numel elements. They are
// not Gloo's own, whose waits can miss that a connection broke, and which end the program where the
// ranks' sizes differ. Each has two halves: begin() tells the others what is called and waits for
// nobody; the rest compares with what they call, and returns when it is done on this rank. Throws
// Error when the calls differ, and Gloo's exceptions when a connection breaks.

/// What the ranks exchange over. Both must outlive the calls.
struct GlooLinks {
  GlooMesh& mesh;
  GlooFrames& frames;
};

/// Whether the frames carry all numbers: then the second half only waits for the others to begin.
bool fits_in_frames(const GlooMesh& mesh, const GlooCall& call);

/// `own`: the numbers that this rank gives, where fits_in_frames(); otherwise not looked at.
void begin(const GlooLinks& links, const GlooCall& call, std::span<const void* const> own);

/// A ring; each rank sends 2 (size − 1) / size of the bytes. Adds in the order of Gloo's own ring,
/// so that the sums have PyTorch's bits.
void all_reduce(const GlooLinks& links, const GlooCall& call, void* numbers);
/// A binomial tree.
void broadcast(const GlooLinks& links, const GlooCall& call, void* numbers);
/// A ring; `all` holds size × numel elements.
void all_gather(const GlooLinks& links, const GlooCall& call, const void* numbers, void* all);
/// A ring; `inputs` are size pointers to numel elements.
void reduce_scatter(const GlooLinks& links, const GlooCall& call,
                    std::span<const void* const> inputs, void* output);
void barrier(const GlooLinks& links, const GlooCall& call);

}  // namespace nw::dist
