#include "gateway/tags/modbus_link.h"

#include <modbus.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <format>

#include "base/backoff.h"

namespace lineside::gateway {
namespace {

using namespace std::chrono_literals;
using Area = config::ModbusTagSettings::Area;
using Kind = ModbusAnswer::Kind;

constexpr int kException = MODBUS_ENOBASE;
constexpr int kRequestBytes = 8, kAnswerBytes = 5, kBitsOfCharacter = 11;
constexpr auto kSilenceMin = 1750us;  // Modbus over Serial Line, 2.5.1.1, above 19200 Bd
constexpr int kFastBaud = 19'200;

// The device says that these registers are not for it to give; anything else it may give later.
bool is_refusal(int why) {
  const int code = why - kException;
  return (code >= MODBUS_EXCEPTION_ILLEGAL_FUNCTION && code <= MODBUS_EXCEPTION_SLAVE_OR_SERVER_FAILURE) ||
         code == MODBUS_EXCEPTION_MEMORY_PARITY;
}

bool is_exception(int why) { return why > kException && why < EMBBADCRC; }
bool is_nonsense(int why) { return why >= EMBBADCRC && why <= EMBBADSLAVE; }

std::string name_of(const config::TagSourceSettings& settings) {
  const BrokerAccess at = config::access_of(settings);
  return settings.device.empty() ? std::format("Modbus {}:{}", at.host, at.port)
                                 : std::format("Modbus line {}", settings.device);
}

}  // namespace

void ModbusLink::free(modbus_t* context) { modbus_free(context); }

ModbusLink::ModbusLink(const config::TagSourceSettings& settings, Clock& clock)
    : settings_(settings), name_(name_of(settings)), clock_(clock) {
  if (!serial()) host_.emplace(settings.at.host);
}

ModbusLink::~ModbusLink() { close(); }

void ModbusLink::close() {
  {
    const std::lock_guard lock(mutex_);
    socket_ = -1;
  }
  if (context_ && open_) modbus_close(context_.get());
  context_.reset();
  open_ = false;
}

void ModbusLink::interrupt() {
  const std::lock_guard lock(mutex_);
  if (socket_ >= 0 && !serial()) ::shutdown(socket_, SHUT_RDWR);
}

ModbusAnswer ModbusLink::broken(const std::string& why) const {
  return {Kind::broken, std::format("{}: {}", name_, why)};
}

ModbusAnswer ModbusLink::open() {
  if (open_) return {};
  return serial() ? open_serial() : open_tcp();
}

// A name may have several addresses of which only one answers (localhost: ::1 and 127.0.0.1).
ModbusAnswer ModbusLink::open_tcp() {
  const MonoTime deadline = clock_.mono() + settings_.timeout;
  const auto addresses = host_->addresses(settings_.timeout);
  if (!addresses) return broken(addresses.error().message);
  const std::string port = std::to_string(config::access_of(settings_).port);
  ModbusAnswer connected;
  for (std::size_t tries = 0; tries < addresses->size(); ++tries, ++next_address_) {
    const std::string& address = (*addresses)[next_address_ % addresses->size()];
    context_.reset(modbus_new_tcp_pi(address.c_str(), port.c_str()));
    if (context_) modbus_enable_quirks(context_.get(), MODBUS_QUIRK_MAX_SLAVE);  // units 248 to 254
    if (connected = connect(deadline - clock_.mono()); open_) break;
  }
  return connected;
}

ModbusAnswer ModbusLink::open_serial() {
  using Parity = config::TagSourceSettings::Parity;
  const char parity = settings_.parity == Parity::even ? 'E' : settings_.parity == Parity::odd ? 'O' : 'N';
  const int stop_bits = settings_.stop_bits > 0 ? settings_.stop_bits : parity == 'N' ? 2 : 1;
  context_.reset(modbus_new_rtu(settings_.device.c_str(), settings_.baud, parity, 8, stop_bits));
  return connect(settings_.timeout);
}

ModbusAnswer ModbusLink::connect(nanoseconds time_max) {
  if (context_ && time_max > 0ns) {
    limit_time(time_max);
    if (modbus_connect(context_.get()) == 0) {
      const std::lock_guard lock(mutex_);
      socket_ = modbus_get_socket(context_.get());
      open_ = true;
      return {};
    }
  } else if (context_) {
    errno = ETIMEDOUT;
  }
  const std::string why = modbus_strerror(errno);
  context_.reset();
  return broken(why);
}

// Without a time between bytes, the time for the answer is for all of it.
void ModbusLink::limit_time(nanoseconds time_max) {
  const auto us = std::max<std::int64_t>(1, std::chrono::duration_cast<std::chrono::microseconds>(time_max).count());
  modbus_set_response_timeout(context_.get(), static_cast<std::uint32_t>(us / 1'000'000),
                              static_cast<std::uint32_t>(us % 1'000'000));
  modbus_set_byte_timeout(context_.get(), 0, 0);
}

nanoseconds ModbusLink::bytes_take(int bytes) const {
  return serial() ? nanoseconds{std::int64_t{bytes} * kBitsOfCharacter * 1'000'000'000 / settings_.baud} : 0ns;
}

void ModbusLink::keep_pause(const std::stop_token& stop) {
  nanoseconds pause = settings_.pause;
  if (serial()) {
    const nanoseconds silence = settings_.baud > kFastBaud ? nanoseconds{kSilenceMin} : bytes_take(7) / 2;
    pause = std::max(pause, silence);
  }
  const nanoseconds left = last_ + pause - clock_.mono();
  if (left > 0ns) wait_or_stop(stop, left);
}

int ModbusLink::exchange(const ModbusBlock& block, std::vector<std::uint16_t>& words) {
  words.assign(static_cast<std::size_t>(block.count), 0);
  modbus_t* line = context_.get();
  if (modbus_set_slave(line, block.unit) != 0) return -1;
  if (!is_bits(block.area))
    return block.area == Area::holding ? modbus_read_registers(line, block.address, block.count, words.data())
                                       : modbus_read_input_registers(line, block.address, block.count, words.data());
  bits_.assign(words.size(), 0);
  const int read = block.area == Area::coil ? modbus_read_bits(line, block.address, block.count, bits_.data())
                                            : modbus_read_input_bits(line, block.address, block.count, bits_.data());
  std::ranges::copy(bits_, words.begin());
  return read;
}

ModbusAnswer ModbusLink::read(const ModbusBlock& block, std::vector<std::uint16_t>& words,
                              const std::stop_token& stop) {
  const int data_bytes = is_bits(block.area) ? block.count / 8 + 1 : block.count * 2;
  return ask(block.count, data_bytes, stop, [&] { return exchange(block, words); });
}

int ModbusLink::send(const ModbusBlock& at, std::span<const std::uint16_t> words) {
  modbus_t* line = context_.get();
  if (modbus_set_slave(line, at.unit) != 0) return -1;
  if (is_bits(at.area)) return modbus_write_bit(line, at.address, words.front());
  return words.size() == 1 ? modbus_write_register(line, at.address, words.front())
                           : modbus_write_registers(line, at.address, static_cast<int>(words.size()), words.data());
}

ModbusAnswer ModbusLink::write(const ModbusBlock& at, std::span<const std::uint16_t> words,
                               const std::stop_token& stop) {
  const auto count = static_cast<int>(words.size());
  return ask(count, count * 2, stop, [&] { return send(at, words); });
}

ModbusAnswer ModbusLink::ask(int count, int data_bytes, const std::stop_token& stop,
                             const std::function<int()>& exchange) {
  keep_pause(stop);
  limit_time(settings_.timeout + bytes_take(kRequestBytes + kAnswerBytes + data_bytes));
  if (serial()) modbus_flush(context_.get());  // what came too late for the request before
  errno = 0;
  const int done = exchange();
  const int why = errno;
  last_ = clock_.mono();
  if (done == count) return {};
  return failure(done >= 0 ? EMBBADDATA : why);
}

ModbusAnswer ModbusLink::failure(int why) {
  const std::string text = modbus_strerror(why);
  if (is_refusal(why)) return {Kind::refused, std::format("it answers with the exception {}", text)};
  if (is_exception(why)) return {Kind::silent, std::format("it answers with the exception {}", text)};
  if (why == ETIMEDOUT || is_nonsense(why)) {
    if (!serial()) close();
    if (why != ETIMEDOUT) return {Kind::silent, std::format("its answer makes no sense: {}", text), true};
    return {Kind::silent, std::format("it does not answer within {} ms", settings_.timeout.count())};
  }
  close();
  return broken(text);
}

}  // namespace lineside::gateway
