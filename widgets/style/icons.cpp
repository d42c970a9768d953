#include "widgets/style/icons.h"

#include <QFile>
#include <QGuiApplication>
#include <QIconEngine>
#include <QPainter>
#include <QPixmapCache>
#include <QSvgRenderer>

#include "core/nn/block.h"
#include "widgets/style/theme.h"

namespace nw::widgets {
namespace {

QString resource(const QString& name) {
  return ":/icons/" + name + ".svg";
}

/// The icon at `size` device pixels, its strokes (SVG's currentColor) in `color`.
QPixmap tinted(const QString& name, const QSize& size, const QColor& color) {
  const QString key = QString("netwright/%1/%2/%3x%4")
                          .arg(name, color.name(QColor::HexArgb))
                          .arg(size.width())
                          .arg(size.height());
  QPixmap pixmap;
  if (QPixmapCache::find(key, &pixmap)) return pixmap;
  QFile file(resource(name));
  if (size.isEmpty() || !file.open(QIODevice::ReadOnly)) return {};
  QSvgRenderer renderer(file.readAll().replace("currentColor", color.name().toLatin1()));
  pixmap = QPixmap(size);
  pixmap.fill(Qt::transparent);
  QPainter painter(&pixmap);
  painter.setOpacity(color.alphaF());
  renderer.render(&painter);
  painter.end();
  QPixmapCache::insert(key, pixmap);
  return pixmap;
}

class TintedIconEngine : public QIconEngine {
 public:
  TintedIconEngine(const QString& name, const QColor& color) : name_(name), color_(color) {}

  void paint(QPainter* painter, const QRect& rect, QIcon::Mode mode, QIcon::State) override {
    paintIcon(*painter, QRectF(rect), name_, colorOf(mode));
  }
  QPixmap pixmap(const QSize& size, QIcon::Mode mode, QIcon::State) override {
    return tinted(name_, size, colorOf(mode));
  }
  QIconEngine* clone() const override { return new TintedIconEngine(name_, color_); }
  bool isNull() override { return false; }
  QString iconName() override { return name_; }

 private:
  QColor colorOf(QIcon::Mode mode) const {
    const QPalette palette = QGuiApplication::palette();
    if (mode == QIcon::Disabled) return palette.color(QPalette::Disabled, QPalette::WindowText);
    return color_.isValid() ? color_ : palette.color(QPalette::Active, QPalette::WindowText);
  }

  QString name_;
  QColor color_;
};

}  // namespace

bool hasIcon(const QString& name) {
  return !name.isEmpty() && QFile::exists(resource(name));
}

QIcon icon(const QString& name, const QColor& color) {
  return hasIcon(name) ? QIcon(new TintedIconEngine(name, color)) : QIcon();
}

QString blockIconName(const QString& blockId) {
  const nn::Block* block = nn::blocks().find(blockId.toStdString());
  if (!block) return "unknown";
  const QString own = QString::fromStdString(block->icon);
  return hasIcon(own) ? own : QString::fromStdString(block->category);
}

QIcon blockIcon(const QString& blockId, const QColor& color) {
  return icon(blockIconName(blockId), color);
}

void paintIcon(QPainter& painter, const QRectF& rect, const QString& name, const QColor& color) {
  const QTransform& transform = painter.worldTransform();
  const qreal scale =
      std::hypot(transform.m11(), transform.m12()) * painter.device()->devicePixelRatioF();
  const QSize size = (rect.size() * scale).toSize();
  const QPixmap pixmap = tinted(name, size, color);
  if (!pixmap.isNull()) painter.drawPixmap(rect, pixmap, QRectF(QPointF(), QSizeF(size)));
}

}  // namespace nw::widgets
