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

/// The icon of a block: its own, else its category's. For the palette and for menus.
QIcon blockIcon(const QString& blockId, const QColor& color = {});

/// Paints an icon in a colour without the detour of a QIcon; pixmaps are cached by size and scale.
void paintIcon(QPainter& painter, const QRectF& rect, const QString& name, const QColor& color);

}  // namespace nw::widgets
