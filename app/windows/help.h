#pragma once

class QWidget;

namespace nw::app {

/// Hands-on words on drawing, training and exporting, in a window that may stay open.
void showHelp(QWidget* parent);
/// Name, version and what the program stands on.
void showAbout(QWidget* parent);

}  // namespace nw::app
