#pragma once

#include <QString>

#include "core/graph/infer.h"

namespace nw::widgets {

/// "61 706": groups of three, parted by narrow no-break spaces, the same in every language.
QString groupedDigits(qint64 value);
/// "416 520", "0.42 M", "1.8 G": a count in at most four digits from a million's tenth on.
QString shortCount(qint64 value);
/// "712 B", "3.1 MB", "1.2 GB"; decimal units.
QString byteSize(qint64 bytes);
/// "0:42", "12:05", "1:02:09"; "under a second" below one.
QString duration(double seconds);
/// "0.3047", "2.31e-5": four significant digits, as the panels' heroes show it.
QString figure(double value);
/// "88.4 %" of a share.
QString percent(double share);

/// "61 706 parameters · 0.42 M multiply-adds · 3.1 MB at batch 64". The memory is that of one
/// training step: activations, weights, gradients.
QString statusSummary(const graph::Inference& inference, qint64 batchSize);

}  // namespace nw::widgets
