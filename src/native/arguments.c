#include <math.h>
#include <stdio.h>

#include "smelter-native.h"

bool read_arguments(napi_env env, napi_callback_info info, size_t count, napi_value *values) {
  // Node-API fills what the caller left out with undefined, which no reader below takes.
  size_t given = count;
  return napi_get_cb_info(env, info, &given, values, NULL, NULL) == napi_ok;
}

bool read_integer(napi_env env, napi_value value, const char *name, uint32_t lowest, uint32_t highest, uint32_t *out) {
  double number;
  // The first test also refuses NaN.
  if (napi_get_value_double(env, value, &number) == napi_ok && number >= lowest && number <= highest &&
      floor(number) == number) {
    *out = (uint32_t)number;
    return true;
  }
  char message[160];
  snprintf(message, sizeof message, "Cannot call the native part: %s is not an integer of %u to %u", name, lowest,
           highest);
  napi_throw_range_error(env, "ERR_OUT_OF_RANGE", message);
  return false;
}

bool read_function(napi_env env, napi_value value, const char *name, napi_ref *out) {
  napi_valuetype type;
  if (napi_typeof(env, value, &type) == napi_ok && type == napi_function) {
    return napi_create_reference(env, value, 1, out) == napi_ok;
  }
  char message[160];
  snprintf(message, sizeof message, "Cannot call the native part: %s is not a function", name);
  napi_throw_type_error(env, "ERR_INVALID_ARG_TYPE", message);
  return false;
}
