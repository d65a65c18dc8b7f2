#include <errno.h>
#include <stdio.h>

#include "smelter-native.h"

napi_value syscall_error(napi_env env, int error_number, const char *syscall_name, const char *what) {
  char code[64];
  char text[128];
  char message[320];
  uv_err_name_r(-error_number, code, sizeof code);
  uv_strerror_r(-error_number, text, sizeof text);
  snprintf(message, sizeof message, "Cannot %s: %s, %s (%s)", what, code, text, syscall_name);

  napi_value code_value, message_value, syscall_value, number_value, error;
  if (napi_create_string_utf8(env, code, NAPI_AUTO_LENGTH, &code_value) != napi_ok ||
      napi_create_string_utf8(env, message, NAPI_AUTO_LENGTH, &message_value) != napi_ok ||
      napi_create_string_utf8(env, syscall_name, NAPI_AUTO_LENGTH, &syscall_value) != napi_ok ||
      napi_create_int32(env, -error_number, &number_value) != napi_ok ||
      napi_create_error(env, code_value, message_value, &error) != napi_ok ||
      napi_set_named_property(env, error, "errno", number_value) != napi_ok ||
      napi_set_named_property(env, error, "syscall", syscall_value) != napi_ok) {
    return NULL;
  }
  return error;
}

void throw_syscall_error(napi_env env, int error_number, const char *syscall_name, const char *what) {
  napi_value error = syscall_error(env, error_number, syscall_name, what);
  if (error != NULL) napi_throw(env, error);
}

void report_exception(napi_env env) {
  bool pending = false;
  napi_value error;
  if (napi_is_exception_pending(env, &pending) != napi_ok || !pending) return;  // the environment is ending
  if (napi_get_and_clear_last_exception(env, &error) == napi_ok) napi_fatal_exception(env, error);
}
