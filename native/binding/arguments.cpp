#include "arguments.h"

#include <cmath>

namespace mountyard::binding {

namespace {

[[noreturn]] void refuse(const Napi::Value& value, const char* name, const char* expected) {
  throw Napi::TypeError::New(value.Env(), std::string(name) + ": expects " + expected);
}

double to_integer(const Napi::Value& value, const char* name, double least, double most, const char* expected) {
  if (!value.IsNumber()) refuse(value, name, expected);
  const double number = value.As<Napi::Number>().DoubleValue();
  if (!(number >= least && number <= most) || number != std::trunc(number)) refuse(value, name, expected);
  return number;
}

}  // namespace

int to_fd(const Napi::Value& value, const char* name) {
  return static_cast<int>(to_integer(value, name, INT32_MIN, INT32_MAX, "a 32-bit integer"));
}

// Flags are unsigned in C; JavaScript's bit operators give signed words.
uint32_t to_flags(const Napi::Value& value, const char* name) {
  const double number = to_integer(value, name, INT32_MIN, UINT32_MAX, "a 32-bit integer");
  return static_cast<uint32_t>(static_cast<int64_t>(number));
}

uint64_t to_bits(const Napi::Value& value, const char* name) {
  if (!value.IsBigInt()) refuse(value, name, "a bigint");
  bool lossless = false;
  const uint64_t bits = value.As<Napi::BigInt>().Uint64Value(&lossless);
  if (lossless) return bits;
  // All ones and the like are written as negative numbers.
  const int64_t negative = value.As<Napi::BigInt>().Int64Value(&lossless);
  if (!lossless) refuse(value, name, "a bigint of 64 bits");
  return static_cast<uint64_t>(negative);
}

std::string to_string_bytes(const Napi::Value& value, const char* name) {
  const Napi::Uint8Array bytes = to_uint8_array(value, name);
  std::string text(bytes.Data(), bytes.Data() + bytes.ByteLength());
  if (text.find('\0') != std::string::npos) refuse(value, name, "bytes without a NUL");
  return text;
}

std::vector<unsigned char> to_bytes(const Napi::Value& value, const char* name) {
  const Napi::Uint8Array bytes = to_uint8_array(value, name);
  return {bytes.Data(), bytes.Data() + bytes.ByteLength()};
}

Napi::Uint8Array to_uint8_array(const Napi::Value& value, const char* name) {
  const bool fits =
      value.IsTypedArray() && value.As<Napi::TypedArray>().TypedArrayType() == napi_uint8_array;
  if (!fits) refuse(value, name, "a Uint8Array");
  return value.As<Napi::Uint8Array>();
}

Napi::Object to_object(const Napi::Value& value, const char* name) {
  if (!value.IsObject()) refuse(value, name, "an object");
  return value.As<Napi::Object>();
}

Napi::Int32Array to_int32_array(const Napi::Value& value, const char* name) {
  const bool fits =
      value.IsTypedArray() && value.As<Napi::TypedArray>().TypedArrayType() == napi_int32_array;
  if (!fits) refuse(value, name, "an Int32Array");
  return value.As<Napi::Int32Array>();
}

Napi::BigUint64Array to_uint64_array(const Napi::Value& value, const char* name) {
  const bool fits =
      value.IsTypedArray() && value.As<Napi::TypedArray>().TypedArrayType() == napi_biguint64_array;
  if (!fits) refuse(value, name, "a BigUint64Array");
  return value.As<Napi::BigUint64Array>();
}

Napi::BigUint64Array to_words(const Napi::Value& value, const char* name, size_t count) {
  const Napi::BigUint64Array words = to_uint64_array(value, name);
  if (words.ElementLength() != count) refuse(value, name, ("a BigUint64Array of " + std::to_string(count)).c_str());
  return words;
}

}  // namespace mountyard::binding
