#include "app/windows/help.h"

#include <QCoreApplication>
#include <QDialog>
#include <QMessageBox>
#include <QTextBrowser>
#include <QVBoxLayout>

namespace nw::app {
namespace {

QString tr(const char* text) {
  return QCoreApplication::translate("nw::app::help", text);
}

constexpr char kHowTo[] = R"(
<h3>Draw</h3>
<p>Drag a block from the left onto the canvas, or double-click it to append it to the network. Drag
from port to port for a wire; drop a block on a wire to insert it; drop a wire on the empty canvas
to choose the block it leads to. Every edit can be undone: Ctrl+Z.</p>
<p>The wheel scrolls, Ctrl+wheel zooms to the pointer, the middle button or Space pans, Ctrl+9 fits.
Ctrl+K finds every command and block.</p>
<h3>Train</h3>
<p>Choose data, optimiser and epochs under Training, then press Train (F5). Pause, Step and Stop act
after the current batch.</p>
<p>The menu beside Step chooses the device: the CPU in one process or several, or the graphics cards
that are ticked. Several share out each batch. Beside the curves stands for each process how long it
computes, how long it waits for the others, and how long all-reduce takes. Should one be lost, its
rank and cause are told, and Resume goes on after the last whole epoch.</p>
<h3>Export</h3>
<p>File, Export weights… writes the state_dict as .pt or .safetensors. In PyTorch:</p>
<pre>model.load_state_dict(torch.load("lenet.pt"))</pre>
<h3>When something is wrong</h3>
<p>A badge marks the block. Click it: it says what was expected, what came, and offers a fix.
Problems, below the canvas, lists them all.</p>
)";

}  // namespace

void showHelp(QWidget* parent) {
  auto* dialog = new QDialog(parent);
  dialog->setAttribute(Qt::WA_DeleteOnClose);
  dialog->setWindowTitle(tr("How to"));
  dialog->resize(520, 480);
  auto* layout = new QVBoxLayout(dialog);
  auto* text = new QTextBrowser(dialog);
  text->setHtml(tr(kHowTo));
  layout->addWidget(text);
  dialog->show();
}

void showAbout(QWidget* parent) {
  QMessageBox::about(parent, tr("About Netwright"),
                     tr("<h3>Netwright %1</h3><p>Draw a neural network, train it while you watch, "
                        "take the weights to PyTorch.</p><p>Built on Qt, QCustomPlot, oneDNN "
                        "and Gloo.</p>")
                         .arg(NW_VERSION));
}

}  // namespace nw::app
