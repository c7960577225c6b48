#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <napi.h>

namespace mountyard::binding {

// Each takes a JavaScript value of one type, or throws a TypeError that says `name`.
int to_fd(const Napi::Value& value, const char* name);
uint32_t to_flags(const Napi::Value& value, const char* name);
uint64_t to_bits(const Napi::Value& value, const char* name);
// Also refuses a NUL inside, which the kernel would take for the end.
std::string to_string_bytes(const Napi::Value& value, const char* name);
std::vector<unsigned char> to_bytes(const Napi::Value& value, const char* name);
Napi::Object to_object(const Napi::Value& value, const char* name);
// The elements themselves, shared with JavaScript.
Napi::Uint8Array to_uint8_array(const Napi::Value& value, const char* name);
Napi::Int32Array to_int32_array(const Napi::Value& value, const char* name);
Napi::BigUint64Array to_uint64_array(const Napi::Value& value, const char* name);
// The same, of so many elements.
Napi::BigUint64Array to_words(const Napi::Value& value, const char* name, size_t count);

// Bytes or null.
class NullableString {
 public:
  explicit NullableString(std::optional<std::string> text) : text_(std::move(text)) {}
  [[nodiscard]] const char* c_str() const noexcept { return text_ ? text_->c_str() : nullptr; }
  [[nodiscard]] size_t size() const noexcept { return text_ ? text_->size() : 0; }

 private:
  std::optional<std::string> text_;
};

// The arguments of one call, by position.
class Arguments {
 public:
  explicit Arguments(const Napi::CallbackInfo& info) : info_(info) {}

  [[nodiscard]] int fd(size_t index) const { return to_fd(info_[index], name(index).c_str()); }
  [[nodiscard]] uint32_t flags(size_t index) const { return to_flags(info_[index], name(index).c_str()); }
  [[nodiscard]] uint64_t bits(size_t index) const { return to_bits(info_[index], name(index).c_str()); }
  [[nodiscard]] std::string bytes(size_t index) const { return to_string_bytes(info_[index], name(index).c_str()); }
  [[nodiscard]] NullableString nullable(size_t index) const {
    if (info_[index].IsNull()) return NullableString(std::nullopt);
    return NullableString(bytes(index));
  }
  [[nodiscard]] Napi::BigUint64Array ids(size_t index) const {
    return to_uint64_array(info_[index], name(index).c_str());
  }
  [[nodiscard]] Napi::BigUint64Array words(size_t index, size_t count) const {
    return to_words(info_[index], name(index).c_str(), count);
  }
  // The value that the call returns.
  [[nodiscard]] Napi::Value number(int value) const { return Napi::Number::New(info_.Env(), value); }
  [[nodiscard]] Napi::Env env() const { return info_.Env(); }

 private:
  [[nodiscard]] static std::string name(size_t index) { return "argument " + std::to_string(index + 1); }

  const Napi::CallbackInfo& info_;
};

}  // namespace mountyard::binding
