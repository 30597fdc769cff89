#pragma once
// The items of a station that have no verdict yet, and the one place where "exactly one verdict for each item" is kept
// (law 1). Everything that can end an item (the last vote, the deadline, a missing frame) changes the same 64-bit word
// by compare-and-swap; only the caller whose swap closed the item is told so, and that caller issues the verdict.
//
//   free ──open()──► open ──vote() / expire()──► decided ──open() of a later item──► open ...
//
// No locks, no allocation after construction. One thread at a time calls open(); the others any thread at any time.
// `Policy` is SwapOnce; tests plant a broken one to prove that they can see a double or a missing verdict.
#include <algorithm>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "base/clock.h"
#include "model/verdict.h"

namespace lineside::gateway {

struct ItemTicket {
  std::uint64_t number = 0;
  MonoTime trigger{}, deadline{};
  MonoTime frame_due{};  // its frames must have come by then
  WallTime time{};       // of the trigger
};

enum class Vote : std::uint8_t { pass, reject, failed };

// What became of an item by a call. `open`: it goes on. `gone`: somebody else had closed it before. The other three:
// this call closed it, and the caller owes the verdict.
enum class Closing : std::uint8_t { open, gone, pass, reject, fail_safe };
struct Closed {
  Closing closing = Closing::gone;
  Reason reason = Reason::score;  // for fail_safe: the cause
};

struct SwapOnce {
  static bool swap(std::atomic<std::uint64_t>& word, std::uint64_t& expected, std::uint64_t desired) {
    return word.compare_exchange_strong(expected, desired, std::memory_order_seq_cst);
  }
  static bool is_due(const ItemTicket& ticket, MonoTime now) { return ticket.deadline <= now; }
};

template <class Policy = SwapOnce>
class BasicItemBoard {
 public:
  static constexpr int kCamerasMax = 8;

  // `places`: items that may be without a verdict at once, rounded up to a power of two. votes_needed is k of n
  // cameras.
  BasicItemBoard(std::size_t places, int cameras, int votes_needed)
      : places_count_(std::bit_ceil(places < 2 ? std::size_t{2} : places)),
        places_(std::make_unique<Place[]>(places_count_)),
        cameras_(static_cast<std::uint64_t>(cameras)),
        votes_needed_(static_cast<std::uint64_t>(votes_needed)) {}

  // `camera`: whose frame opened it and is its frame, so that it counts as claimed; -1: a trigger did.
  // False: its place is still held by an older open item; the caller owes the fail-safe verdict (overload).
  bool open(const ItemTicket& ticket, int camera = -1) {
    Place& place = place_of(ticket.number);
    if (phase(place.word.load(std::memory_order_seq_cst)) == kOpen) return false;
    place.trigger.store(ticket.trigger.time_since_epoch().count(), std::memory_order_relaxed);
    place.deadline.store(ticket.deadline.time_since_epoch().count(), std::memory_order_relaxed);
    place.frame_due.store(ticket.frame_due.time_since_epoch().count(), std::memory_order_relaxed);
    place.time.store(ticket.time.time_since_epoch().count(), std::memory_order_relaxed);
    place.number.store(ticket.number, std::memory_order_relaxed);
    place.word.store(tag(ticket.number) | kOpen | (camera < 0 ? 0 : claim_bit(camera)), std::memory_order_seq_cst);
    return true;
  }

  // Takes the oldest open item that waits for a frame of `camera` taken at `exposure`: not after the item's frame_due,
  // and at most `early_max` before its trigger. Each camera takes an item once. False: there is none.
  bool claim(int camera, MonoTime exposure, nanoseconds early_max, ItemTicket& ticket) {
    const std::uint64_t bit = claim_bit(camera);
    for (;;) {
      Place* best = nullptr;
      std::uint64_t best_word = 0;
      ItemTicket found;
      for (std::size_t i = 0; i < places_count_; ++i) {
        const std::uint64_t word = places_[i].word.load(std::memory_order_seq_cst);
        if (phase(word) != kOpen || (word & bit) != 0) continue;
        const ItemTicket seen = read(places_[i]);
        if (seen.trigger > exposure + early_max || seen.frame_due < exposure) continue;
        if (best != nullptr && seen.number >= found.number) continue;
        best = &places_[i];
        best_word = word;
        found = seen;
      }
      if (best == nullptr) return false;
      if (Policy::swap(best->word, best_word, best_word | bit)) {
        ticket = found;
        return true;
      }
    }
  }

  // Takes this item for `camera`. False: it is gone or taken.
  bool claim_item(int camera, std::uint64_t number) {
    Place& place = place_of(number);
    std::uint64_t word = place.word.load(std::memory_order_seq_cst);
    while (holds(word, number) && (word & claim_bit(camera)) == 0)
      if (Policy::swap(place.word, word, word | claim_bit(camera))) return true;
    return false;
  }

  // One camera's answer to an item it claimed. `failure` says why when the vote is `failed`.
  Closed vote(std::uint64_t number, Vote vote, Reason failure = Reason::fail_inference) {
    Place& place = place_of(number);
    std::uint64_t word = place.word.load(std::memory_order_seq_cst);
    for (;;) {
      if (!holds(word, number)) return {Closing::gone, Reason::score};
      std::uint64_t next = word + kAnswered;
      if (vote == Vote::reject) next += kRejected;
      if (vote == Vote::failed) next = with_failure(next, 1, failure);
      const Closed closed = weigh(next);
      if (closed.closing != Closing::open) next = decided(next);
      if (Policy::swap(place.word, word, next)) return closed;
    }
  }

  // Ends what is due at `now` and calls owe(const ItemTicket&, Closed) for each item that this call closed. Returns
  // when something will be due next, MonoTime::max() if nothing is open.
  template <class Owe>
  MonoTime expire(MonoTime now, Owe&& owe) {
    MonoTime next_due = MonoTime::max();
    for (std::size_t i = 0; i < places_count_; ++i) {
      std::uint64_t word = places_[i].word.load(std::memory_order_seq_cst);
      while (phase(word) == kOpen) {
        const ItemTicket ticket = read(places_[i]);
        const bool all_claimed = unclaimed(word) == 0;
        const bool late = Policy::is_due(ticket, now), frameless = !all_claimed && ticket.frame_due <= now;
        if (!late && !frameless) {
          next_due = std::min(next_due, all_claimed ? ticket.deadline : std::min(ticket.deadline, ticket.frame_due));
          break;
        }
        Closed closed{Closing::fail_safe, all_claimed ? Reason::fail_late : Reason::fail_no_frame};
        std::uint64_t next = word;
        if (!late) {
          const std::uint64_t missing = unclaimed(word);
          next = with_failure((word | kClaimMask) + missing * kAnswered, missing, Reason::fail_no_frame);
          closed = weigh(next);
        }
        if (late || closed.closing != Closing::open) next = decided(next);
        if (!Policy::swap(places_[i].word, word, next)) continue;
        if (closed.closing != Closing::open) owe(ticket, closed);
        word = next;
      }
    }
    return next_due;
  }

  bool is_open(std::uint64_t number) const {
    return holds(place_of(number).word.load(std::memory_order_seq_cst), number);
  }

 private:
  // The word, from the lowest bit: phase 2, claimed cameras 8, answers 4, rejects 4, failures 4, first failure's reason
  // 4, item number 38. The number in it makes a late answer miss an item that took over the place.
  static constexpr std::uint64_t kFree = 0, kOpen = 1, kDecided = 2;
  static constexpr int kClaimShift = 2, kTagShift = 26;
  static constexpr std::uint64_t kClaimMask = std::uint64_t{0xff} << kClaimShift;
  static constexpr std::uint64_t kAnswered = 1U << 10, kRejected = 1U << 14, kFailed = 1U << 18, kReason = 1U << 22;
  static constexpr std::uint64_t kTagMask = ~((std::uint64_t{1} << kTagShift) - 1);

  struct Place {
    std::atomic<std::uint64_t> word{kFree};
    std::atomic<std::uint64_t> number{0};
    std::atomic<std::int64_t> trigger{0}, deadline{0}, frame_due{0}, time{0};
  };

  static std::uint64_t phase(std::uint64_t word) { return word & 3; }
  static std::uint64_t tag(std::uint64_t number) { return number << kTagShift; }
  static bool holds(std::uint64_t word, std::uint64_t number) {
    return phase(word) == kOpen && (word & kTagMask) == tag(number);
  }
  static std::uint64_t claim_bit(int camera) { return std::uint64_t{1} << (kClaimShift + camera); }
  static std::uint64_t field(std::uint64_t word, std::uint64_t unit) { return word / unit & 0xf; }
  static std::uint64_t decided(std::uint64_t word) { return (word & ~std::uint64_t{3}) | kDecided; }
  static std::uint64_t with_failure(std::uint64_t word, std::uint64_t count, Reason reason) {
    if (field(word, kFailed) == 0) word += static_cast<std::uint64_t>(reason) * kReason;
    return word + count * kFailed;
  }
  std::uint64_t unclaimed(std::uint64_t word) const {
    return cameras_ - static_cast<std::uint64_t>(std::popcount(word & kClaimMask & camera_bits()));
  }
  std::uint64_t camera_bits() const { return ((std::uint64_t{1} << cameras_) - 1) << kClaimShift; }

  // Decides as soon as the answers still missing can't change the result.
  Closed weigh(std::uint64_t word) const {
    const std::uint64_t answered = field(word, kAnswered), rejects = field(word, kRejected);
    const std::uint64_t failures = field(word, kFailed), passes = answered - rejects - failures;
    const Reason by_answer = cameras_ > 1 ? Reason::vote : Reason::score;
    if (rejects >= votes_needed_) return {Closing::reject, by_answer};
    if (passes + votes_needed_ > cameras_) return {Closing::pass, by_answer};
    if (answered >= cameras_) return {Closing::fail_safe, static_cast<Reason>(field(word, kReason))};
    return {Closing::open, Reason::score};
  }

  // Consistent only if the word read before is still there afterwards: the swap that follows finds out.
  static ItemTicket read(const Place& place) {
    const auto mono = [](const std::atomic<std::int64_t>& ns) {
      return MonoTime{nanoseconds{ns.load(std::memory_order_relaxed)}};
    };
    return {place.number.load(std::memory_order_relaxed), mono(place.trigger), mono(place.deadline),
            mono(place.frame_due), WallTime{nanoseconds{place.time.load(std::memory_order_relaxed)}}};
  }
  Place& place_of(std::uint64_t number) const { return places_[number & (places_count_ - 1)]; }

  const std::size_t places_count_;
  const std::unique_ptr<Place[]> places_;
  const std::uint64_t cameras_, votes_needed_;
};

using ItemBoard = BasicItemBoard<>;

}  // namespace lineside::gateway
