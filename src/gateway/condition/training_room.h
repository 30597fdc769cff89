#pragma once
// What the assets of a gateway share for learning: the key that signs what is learned here, and the one place to train,
// which they take one after the other.
#include <cstdint>
#include <deque>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>

#include "base/result.h"
#include "bundle/keys.h"

namespace lineside::gateway {

// Thread-safe.
class TrainingRoom {
 public:
  // A place in the line; leaves it at the end. The room must outlive it.
  class Place {
   public:
    Place(TrainingRoom& room, std::uint64_t number) : room_(room), number_(number) {}
    ~Place() { room_.leave(number_); }
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;
    std::size_t ahead() const { return room_.ahead_of(number_); }  // trainings before this one; 0: its turn

   private:
    TrainingRoom& room_;
    const std::uint64_t number_;
  };

  explicit TrainingRoom(std::filesystem::path sign_key) : sign_key_(std::move(sign_key)) {}

  const std::filesystem::path& sign_key() const { return sign_key_; }
  // Its public half. The key is there, whole and with its public half beside it, once this has succeeded: made by the
  // first call that can. Errors: those of SigningKey::load_or_create, with what to do; then the next call tries
  // again.
  Result<bundle::PublicKey> key();
  std::unique_ptr<Place> line_up();

 private:
  void leave(std::uint64_t number);
  std::size_t ahead_of(std::uint64_t number) const;

  const std::filesystem::path sign_key_;
  mutable std::mutex mutex_;
  std::optional<bundle::PublicKey> key_;
  std::deque<std::uint64_t> line_;
  std::uint64_t next_ = 0;
};

}  // namespace lineside::gateway
