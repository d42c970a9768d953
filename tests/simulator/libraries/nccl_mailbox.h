#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace nw::simulated::comm {

/// What the ranks of one communicator send each other: files in a folder of shared memory, which
/// appear whole or not at all. A rank that is killed sends no more, and others wait for it in vain,
/// as for a GPU that is gone.
class Mailbox {
 public:
  /// A new folder that is told to the others by its name; folders of programs that ended in the
  /// midst of it are removed.
  static std::string make_folder();

  Mailbox(std::string folder, int rank, int size);

  void put(const std::string& name, const std::vector<char>& bytes) const;
  bool is_there(const std::string& name) const;
  /// Empty: not there.
  std::vector<char> take(const std::string& name) const;
  void remove(const std::string& name) const;
  /// This rank is done. The last one of all removes the folder.
  void leave() const;

 private:
  std::string path(const std::string& name) const { return folder_ + "/" + name; }

  std::string folder_;
  int rank_, size_;
};

}  // namespace nw::simulated::comm
