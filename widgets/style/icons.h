#pragma once

#include <QColor>
#include <QIcon>
#include <QString>

class QPainter;

namespace nw::widgets {

/// One of our own icons (resources/icons/NAME.svg), sharp at every size and scale. Without a colour
/// it takes the application's text colour at the moment it is painted, so that it follows a change
/// of theme; the disabled mode is drawn in the theme's `disabled`. An unknown name gives an empty
/// icon.
QIcon icon(const QString& name, const QColor& color = {});

/// Whether there is such an icon.
bool hasIcon(const QString& name);

/// The name of a block's icon: its own, else its category's, else "unknown".
QString blockIconName(const QString& blockId);
/// The icon of that name.
QIcon blockIcon(const QString& blockId, const QColor& color = {});

/// Paints an icon in a colour, at the painter's own scale; pixmaps are cached.
void paintIcon(QPainter& painter, const QRectF& rect, const QString& name, const QColor& color);

}  // namespace nw::widgets
