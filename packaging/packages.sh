# The Debian 12 packages that Netwright needs, named once, and how to install those that are missing.
# To be read by bash scripts.

# To build both programs, and to run them on what was built.
build_packages=(
  cmake ninja-build g++
  libdnnl-dev libgloo-dev nlohmann-json3-dev libcli11-dev zlib1g-dev
  qt6-base-dev qt6-svg-dev libqcustomplot-dev
  dataset-fashion-mnist
)
# To see the window: fonts, and the plugin for Wayland screens (that for X11 comes with Qt).
window_packages=(fonts-noto-core qt6-wayland)
# To make the folder that runs anywhere.
portable_packages=(patchelf)
# To run the tests: PyTorch is their oracle, Eigen that of the matrix products, Xvfb a screen without
# a monitor, iproute2 a network of two machines on one, Open MPI a way to start ranks.
test_packages=(
  libeigen3-dev
  python3-torch python3-torchvision python3-numpy xvfb xauth fonts-noto-core
  clang-format-14 iproute2 openmpi-bin
)

# install_missing PACKAGE...: installs from Debian what is not there yet, and says what.
install_missing() {
  local package missing=() as_root=()
  for package in "$@"; do
    if [ "$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null)" != installed ]; then
      missing+=("$package")
    fi
  done
  [ ${#missing[@]} -gt 0 ] || return 0

  echo "Installing from Debian: ${missing[*]}"
  if [ "$(id -u)" -ne 0 ]; then
    if ! command -v sudo >/dev/null; then
      echo "This needs root, and sudo is not there. As root, run:" >&2
      echo "  apt-get install --no-install-recommends ${missing[*]}" >&2
      return 1
    fi
    as_root=(sudo)
  fi
  "${as_root[@]}" apt-get update -q
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get install -q -y --no-install-recommends "${missing[@]}"
}

# build PRESET TARGET...: configures where that was not done yet (a changed CMake file is seen by the
# build itself), and builds.
build() {
  local preset=$1
  shift
  [ -f "build/$preset/build.ninja" ] || cmake --preset "$preset"
  cmake --build --preset "$preset" --target "$@"
}
