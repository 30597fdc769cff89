#include "gateway/condition/training_room.h"

#include <algorithm>
#include <format>

namespace lineside::gateway {

Result<bundle::PublicKey> TrainingRoom::key() {
  const std::lock_guard lock(mutex_);
  if (!key_) {
    const auto made = bundle::SigningKey::load_or_create(sign_key_);
    if (!made)
      return fail(made.error().code,
                  std::format("The key {} that signs what is learned here can't be used: {} Put it back, or remove it "
                              "and each asset's state: they learn again.",
                              sign_key_.string(), made.error().message));
    key_ = made->public_key();
  }
  return *key_;
}

std::unique_ptr<TrainingRoom::Place> TrainingRoom::line_up() {
  const std::lock_guard lock(mutex_);
  line_.push_back(++next_);
  return std::make_unique<Place>(*this, next_);
}

void TrainingRoom::leave(std::uint64_t number) {
  const std::lock_guard lock(mutex_);
  std::erase(line_, number);
}

std::size_t TrainingRoom::ahead_of(std::uint64_t number) const {
  const std::lock_guard lock(mutex_);
  return static_cast<std::size_t>(std::ranges::find(line_, number) - line_.begin());
}

}  // namespace lineside::gateway
