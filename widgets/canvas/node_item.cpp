#include "widgets/canvas/node_item.h"

#include <QCursor>
#include <QGraphicsSceneHoverEvent>
#include <QPainter>
#include <QPainterPath>
#include <QStyleOptionGraphicsItem>
#include <cmath>

#include "core/nn/block.h"
#include "widgets/canvas/detail.h"
#include "widgets/problems/severity.h"
#include "widgets/style/icons.h"
#include "widgets/style/theme.h"

namespace nw::widgets {
namespace {

constexpr QRectF kCard(-NodeItem::kWidth / 2, -NodeItem::kHeight / 2, NodeItem::kWidth,
                       NodeItem::kHeight);
constexpr qreal kStripe = 4;
constexpr qreal kTextLeft = kCard.left() + 44;
constexpr qreal kTextWidth = NodeItem::kWidth - 44 - 14;
constexpr qreal kFarTextLeft = kCard.left() + kStripe + 10;
constexpr qreal kFarTextWidth = NodeItem::kWidth - kStripe - 10 - 8;
constexpr int kLargestFarPx = 26;
constexpr QPointF kBadge(kCard.right() - 3, kCard.top() + 3);
constexpr qreal kBadgeRadius = 9;
constexpr int kSpreadPorts = 4;  // more than these stand evenly, so that none touch

qreal distance(QPointF a, QPointF b) {
  return std::hypot(a.x() - b.x(), a.y() - b.y());
}

QStringList names(const std::vector<nn::Port>& ports) {
  QStringList list;
  for (const nn::Port& port : ports) list << QString::fromStdString(port.name);
  return list;
}

std::vector<bool> optionals(const std::vector<nn::Port>& ports, PortSide side) {
  std::vector<bool> list;
  for (const nn::Port& port : ports) {
    // Of several results the first is what goes on; no network must use the others.
    const bool further = side == PortSide::Output && !list.empty();
    list.push_back(port.optional || further);
  }
  return list;
}

void setText(QStaticText& text, const QString& content, const QFont& font) {
  text.setTextFormat(Qt::PlainText);
  text.setText(content);
  text.prepare({}, font);
}

QPainterPath roundedCard(qreal inset) {
  QPainterPath path;
  path.addRoundedRect(kCard.adjusted(inset, inset, -inset, -inset), Theme::kRadius, Theme::kRadius);
  return path;
}

/// The card's left edge, as wide as the stripe.
QPainterPath stripe() {
  QPainterPath edge;
  edge.addRect(QRectF(kCard.left(), kCard.top(), kStripe, NodeItem::kHeight));
  return roundedCard(0).intersected(edge);
}

bool sameText(const graph::Node& a, const graph::Node& b) {
  return a.block == b.block && a.name == b.name && a.args == b.args;
}

}  // namespace

NodeItem::NodeItem(CanvasScene* scene, graph::NodeId id) : scene_(scene), id_(id) {
  setFlags(ItemIsSelectable | ItemIsMovable | ItemSendsGeometryChanges);
  setAcceptHoverEvents(true);
}

void NodeItem::setNode(const graph::Node& node, const QStringList& inputs,
                       const QStringList& outputs) {
  const nn::Block* block = nn::blocks().find(node.block);
  const bool namedPorts = !block && (inputs != inputs_ || outputs != outputs_);
  if (sameText(node, node_) && !namedPorts) return;
  node_ = node;
  known_ = block != nullptr;
  title_ = QString::fromStdString(node.block);
  ownName_ = QString::fromStdString(node.name);
  inputs_ = block ? names(block->inputs) : inputs;
  outputs_ = block ? names(block->outputs) : outputs;
  optionalInputs_ = block ? optionals(block->inputs, PortSide::Input) : std::vector<bool>();
  optionalOutputs_ = block ? optionals(block->outputs, PortSide::Output) : std::vector<bool>();
  color_ = nw::widgets::categoryColor(block ? block->category : std::string());
  iconName_ = blockIconName(title_);
  summary_ = block ? QString::fromStdString(block->summary)
                   : CanvasScene::tr(
                         "This program does not know the block “%1”. It is kept as it "
                         "is and saved back unchanged.")
                         .arg(title_);
  ownCaption_ = block ? QString() : CanvasScene::tr("unknown block");
  if (block && block->caption) {
    ownCaption_ = QString::fromStdString(block->caption(block->complete(node.args)));
  }
  textIsOld_ = true;
  themeChanged();
}

void NodeItem::setInfo(const graph::NodeInfo* info, const QVector<graph::Problem>& problems) {
  problems_ = problems;
  flows_.clear();
  QString name = ownName_, caption = ownCaption_;
  if (info) {
    if (known_ && !info->caption.empty()) caption = QString::fromStdString(info->caption);
    if (!info->key.empty()) name = QString::fromStdString(info->key);
    for (const graph::Flow& flow : info->outputs) flows_ << QString::fromStdString(flow.text);
  }
  textIsOld_ = textIsOld_ || name != name_ || caption != caption_;
  name_ = name;
  caption_ = caption;
  update();
}

void NodeItem::themeChanged() {
  const Theme& theme = scene_->theme();
  ink_ = known_ ? readable(color_, theme.card) : theme.secondary;
  update();
}

void NodeItem::layOutText() {
  textIsOld_ = false;
  farNamePx_ = 0;
  const QFont& bold = scene_->titleFont();
  const QFont& small = scene_->smallFont();
  const QFontMetricsF boldMetrics(bold), smallMetrics(small);
  // The name in the state_dict stands at the right of the title and yields to it.
  const qreal titleWidth = std::min(boldMetrics.horizontalAdvance(title_), kTextWidth);
  const QString name =
      smallMetrics.elidedText(name_, Qt::ElideMiddle, std::max(0.0, kTextWidth - titleWidth - 8));
  setText(titleText_, boldMetrics.elidedText(title_, Qt::ElideRight, kTextWidth), bold);
  setText(nameText_, name, small);
  setText(captionText_, smallMetrics.elidedText(caption_, Qt::ElideRight, kTextWidth), small);
}

void NodeItem::layOutFarText(qreal detail) {
  const bool captioned = detail >= kCaptionDetail && !caption_.isEmpty();
  const int captionPx = captioned ? int(std::lround(kFarTextPx / detail)) : 0;
  const int namePx = std::min(kLargestFarPx, int(std::lround(kFarNamePx / detail)));
  if (namePx == farNamePx_ && captionPx == farCaptionPx_) return;
  farNamePx_ = namePx;
  farCaptionPx_ = captionPx;
  QFont bold = scene_->titleFont();
  bold.setPixelSize(namePx);
  const qreal width = QFontMetricsF(bold).horizontalAdvance(title_);
  if (width > kFarTextWidth) {  // a little smaller, before it is cut
    bold.setPixelSize(std::max(int(std::ceil(kFarTextPx / detail)),
                               int(std::floor(namePx * kFarTextWidth / width))));
  }
  setText(farNameText_, QFontMetricsF(bold).elidedText(title_, Qt::ElideRight, kFarTextWidth),
          bold);
  farNameFont_ = bold;
  farCaptionFont_ = scene_->smallFont();
  if (!captioned) return setText(farCaptionText_, {}, farCaptionFont_);
  farCaptionFont_.setPixelSize(captionPx);
  setText(farCaptionText_,
          QFontMetricsF(farCaptionFont_).elidedText(caption_, Qt::ElideRight, kFarTextWidth),
          farCaptionFont_);
}

QString NodeItem::spoken() const {
  QStringList parts{title_};
  if (!name_.isEmpty()) parts << name_;
  if (!caption_.isEmpty()) parts << caption_;
  if (!flows_.isEmpty() && !flows_.front().isEmpty()) {
    parts << CanvasScene::tr("output %1").arg(flows_.front());
  }
  for (const graph::Problem& problem : problems_) parts << QString::fromStdString(problem.text);
  return parts.join(", ");
}

bool NodeItem::isOptional(PortSide side, int index) const {
  const std::vector<bool>& list = side == PortSide::Input ? optionalInputs_ : optionalOutputs_;
  return size_t(index) < list.size() && list[size_t(index)];
}

qreal NodeItem::portShare(PortSide side, int index) const {
  const int count = int(ports(side).size());
  int required = 0, before = 0;
  for (int i = 0; i < count; ++i) {
    const bool counts = !isOptional(side, i);
    required += counts;
    if (i < index && counts == !isOptional(side, index)) ++before;
  }
  const qreal step = 1.0 / (required + 1);
  // The ports that a network needs stand evenly, so that a chain runs straight; those that may stay
  // unwired follow in what room is left.
  const bool beside = scene_->flowDirection() == FlowDirection::LeftToRight;
  if (!isOptional(side, index)) return (before + 1) * step;
  const int rest = count - required;
  if (beside) return (before + 1.0) / (rest + 1);
  return 1 - step + step * (before + 1) / (rest + 1);
}

QPointF NodeItem::portCentre(PortSide side, int index) const {
  const int count = std::max(1, int(ports(side).size()));
  const bool input = side == PortSide::Input;
  if (ports(side).isEmpty()) index = 0;
  qreal share = ports(side).isEmpty() ? 0.5 : portShare(side, index);
  const bool beside = scene_->flowDirection() == FlowDirection::LeftToRight;
  if (beside && !isOptional(side, index)) {
    return {input ? kCard.left() : kCard.right(), kCard.top() + kHeight * share};
  }
  // Left to right the sides have no room for ports that may stay unwired: they stand above and
  // below.
  if (!beside && count > kSpreadPorts) share = (index + 1.0) / (count + 1);
  return {kCard.left() + kWidth * share, input ? kCard.top() : kCard.bottom()};
}

QPointF NodeItem::portCentre(PortSide side, const QString& port) const {
  return portCentre(side, std::max(0, int(ports(side).indexOf(port))));
}

std::optional<PortRef> NodeItem::portNear(QPointF at) const {
  std::optional<PortRef> found;
  qreal nearest = kPortReach;
  for (PortSide side : {PortSide::Input, PortSide::Output}) {
    for (int i = 0; i < ports(side).size(); ++i) {
      const qreal away = distance(at, portCentre(side, i));
      if (away > nearest) continue;
      nearest = away;
      found = PortRef{{id_, ports(side)[i].toStdString()}, side};
    }
  }
  return found;
}

bool NodeItem::badgeNear(QPointF at) const {
  return !problems_.isEmpty() && distance(at, kBadge) <= kPortReach;
}

void NodeItem::setOffered(std::optional<PortSide> side) {
  if (offered_ == side) return;
  offered_ = side;
  update();
}

void NodeItem::setHoveredPort(const std::optional<PortRef>& port) {
  if (hoveredPort_ == port) return;
  hoveredPort_ = port;
  portLabel_.reset();
  if (port && ports(port->side).size() > 1) {
    const QString name = QString::fromStdString(port->endpoint.port);
    portLabel_ = std::make_unique<PortLabel>(*scene_, name, port->side == PortSide::Input, this);
    portLabel_->setPos(portCentre(port->side, name));
  }
  update();
}

QRectF NodeItem::boundingRect() const {
  return kCard.adjusted(-8, -10, 10, 10);
}

QPainterPath NodeItem::shape() const {
  QPainterPath path;
  path.setFillRule(Qt::WindingFill);
  path.addRect(kCard);
  for (PortSide side : {PortSide::Input, PortSide::Output}) {
    for (int i = 0; i < ports(side).size(); ++i) {
      path.addEllipse(portCentre(side, i), kPortReach, kPortReach);
    }
  }
  if (!problems_.isEmpty()) path.addEllipse(kBadge, kBadgeRadius + 1, kBadgeRadius + 1);
  return path;
}

QVariant NodeItem::itemChange(GraphicsItemChange change, const QVariant& value) {
  if (change == ItemPositionChange && scene_->mouseGrabberItem()) {
    // Dragged by hand: on the grid.
    const QPointF at = value.toPointF() / Theme::kGrid;
    return QPointF(std::round(at.x()), std::round(at.y())) * Theme::kGrid;
  }
  if (change == ItemPositionHasChanged) scene_->followNode(id_);
  if (change == ItemSelectedHasChanged) setZValue(isSelected() ? 1 : 0);
  return QGraphicsItem::itemChange(change, value);
}

void NodeItem::hoverMoveEvent(QGraphicsSceneHoverEvent* event) {
  hovered_ = true;
  setHoveredPort(portNear(event->pos()));
  setToolTip(tipAt(event->pos()));
  setCursor(hoveredPort_              ? Qt::CrossCursor
            : badgeNear(event->pos()) ? Qt::PointingHandCursor
                                      : Qt::ArrowCursor);
  update();
}

void NodeItem::hoverLeaveEvent(QGraphicsSceneHoverEvent*) {
  hovered_ = false;
  setHoveredPort({});
  update();
}

QString NodeItem::tipAt(QPointF at) const {
  if (badgeNear(at)) {
    QStringList lines;
    for (const graph::Problem& problem : problems_) lines << QString::fromStdString(problem.text);
    return lines.join('\n');
  }
  const std::optional<PortRef> port = portNear(at);
  if (!port) return summary_;
  QString tip = QString::fromStdString(port->endpoint.port);
  if (const nn::Block* block = nn::blocks().find(node_.block)) {
    for (const nn::Port& one : port->side == PortSide::Input ? block->inputs : block->outputs) {
      if (one.name == port->endpoint.port && !one.help.empty()) {
        tip += ": " + QString::fromStdString(one.help);
      }
    }
  }
  if (port->side == PortSide::Output && !flows_.isEmpty() && !flows_.front().isEmpty()) {
    tip += "\n" + flows_.front();
  }
  return tip;
}

void NodeItem::paint(QPainter* painter, const QStyleOptionGraphicsItem* option, QWidget*) {
  const qreal detail = option->levelOfDetailFromTransform(painter->worldTransform());
  painter->setRenderHint(QPainter::Antialiasing, detail >= kPortDetail);
  if (detail < kPortDetail) return paintFarCard(*painter);
  paintCard(*painter, detail);
  if (detail >= kNameDetail && textIsOld_) layOutText();
  if (detail >= kTextDetail) {
    paintText(*painter);
  } else if (detail >= kNameDetail) {
    layOutFarText(detail);
    paintFarText(*painter);
  }
  paintPorts(*painter);
  if (!problems_.isEmpty()) paintBadge(*painter);
}

void NodeItem::paintCard(QPainter& painter, qreal detail) const {
  const Theme& theme = scene_->theme();
  if (hovered_ && !theme.highContrast && detail >= kTextDetail) {
    painter.setPen(Qt::NoPen);
    for (int spread = 4; spread >= 1; --spread) {
      painter.setBrush(QColor(0, 0, 0, theme.dark ? 34 : 10));
      painter.drawRoundedRect(kCard.adjusted(-spread, 1 - spread, spread, spread + 2),
                              Theme::kRadius + spread, Theme::kRadius + spread);
    }
  }
  QPen outline(isSelected() ? theme.accent
               : hovered_   ? theme.wire
                            : theme.line,
               isSelected() ? theme.lineWidth + 1 : theme.lineWidth,
               known_ ? Qt::SolidLine : Qt::DashLine);
  if (!known_ && !isSelected()) outline.setColor(theme.secondary);
  painter.setPen(outline);
  painter.setBrush(known_ ? theme.card : theme.window);
  static const QPainterPath kThin = roundedCard(0.5), kThick = roundedCard(1), kEdge = stripe();
  painter.drawPath(outline.widthF() > 1 ? kThick : kThin);
  if (known_) painter.fillPath(kEdge, color_);
}

void NodeItem::paintFarCard(QPainter& painter) const {
  // From afar only colour and place; what is wrong must not be lost.
  const Theme& theme = scene_->theme();
  painter.fillRect(kCard, isSelected()           ? theme.accent
                          : !problems_.isEmpty() ? severityColor(theme, worst())
                                                 : color_);
}

graph::Severity NodeItem::worst() const {
  graph::Severity worst = graph::Severity::Info;
  for (const graph::Problem& problem : problems_) worst = std::max(worst, problem.severity);
  return worst;
}

void NodeItem::paintText(QPainter& painter) const {
  const Theme& theme = scene_->theme();
  paintIcon(painter, QRectF(kCard.left() + 14, -10, 20, 20), iconName_, ink_);
  painter.setPen(known_ ? theme.text : theme.secondary);
  painter.setFont(scene_->titleFont());
  const bool alone = caption_.isEmpty();
  const qreal titleTop = alone ? -titleText_.size().height() / 2 : -18;
  painter.drawStaticText(QPointF(kTextLeft, titleTop), titleText_);
  painter.setPen(theme.secondary);
  painter.setFont(scene_->smallFont());
  const qreal nameLeft = kTextLeft + kTextWidth - nameText_.size().width();
  const qreal nameTop = titleTop + titleText_.size().height() - nameText_.size().height() - 1;
  painter.drawStaticText(QPointF(nameLeft, nameTop), nameText_);
  if (!alone) painter.drawStaticText(QPointF(kTextLeft, 2), captionText_);
}

void NodeItem::paintFarText(QPainter& painter) const {
  const Theme& theme = scene_->theme();
  const bool captioned = farCaptionPx_ > 0;
  const qreal captionHeight = captioned ? farCaptionText_.size().height() : 0;
  const qreal top = -(farNameText_.size().height() + captionHeight) / 2;
  painter.setFont(farNameFont_);
  painter.setPen(known_ ? theme.text : theme.secondary);
  painter.drawStaticText(QPointF(kFarTextLeft, top), farNameText_);
  if (!captioned) return;
  painter.setFont(farCaptionFont_);
  painter.setPen(theme.secondary);
  painter.drawStaticText(QPointF(kFarTextLeft, top + farNameText_.size().height()),
                         farCaptionText_);
}

void NodeItem::paintPorts(QPainter& painter) const {
  const Theme& theme = scene_->theme();
  for (PortSide side : {PortSide::Input, PortSide::Output}) {
    const bool offered = offered_ == side;
    for (int i = 0; i < ports(side).size(); ++i) {
      const bool hot = hoveredPort_ && hoveredPort_->side == side &&
                       hoveredPort_->endpoint.port == ports(side)[i].toStdString();
      const QColor color = hot || offered ? theme.accent : theme.wire;
      const qreal radius = hot ? 6.5 : offered ? 5.5 : 4.5;
      painter.setPen(QPen(theme.canvas, 1.5));
      painter.setBrush(color);
      painter.drawEllipse(portCentre(side, i), radius, radius);
      if (!isOptional(side, i)) continue;
      // A ring: this one may stay unwired.
      painter.setPen(Qt::NoPen);
      painter.setBrush(theme.card);
      painter.drawEllipse(portCentre(side, i), radius - 2.5, radius - 2.5);
    }
  }
}

void NodeItem::paintBadge(QPainter& painter) const {
  const Theme& theme = scene_->theme();
  const graph::Severity severity = worst();
  painter.setPen(QPen(theme.canvas, 2));
  painter.setBrush(severityColor(theme, severity));
  if (severity == graph::Severity::Warning) {  // told by its shape, too
    const QPointF triangle[] = {kBadge + QPointF(0, -9), kBadge + QPointF(10, 8),
                                kBadge + QPointF(-10, 8)};
    painter.drawConvexPolygon(triangle, 3);
  } else {
    painter.drawEllipse(kBadge, kBadgeRadius, kBadgeRadius);
  }
  painter.setPen(QPen(theme.card, 2, Qt::SolidLine, Qt::RoundCap));
  const qreal flip = severity == graph::Severity::Info ? -1 : 1;
  const qreal down = severity == graph::Severity::Warning ? 1.5 : 0;
  painter.drawLine(kBadge + QPointF(0, -4 * flip + down), kBadge + QPointF(0, 0.5 * flip + down));
  painter.drawPoint(kBadge + QPointF(0, 4 * flip + down));
}

}  // namespace nw::widgets
