/* Kernels of the flat convention with the numerics of TensorFlow Lite Micro: right, until a test plants a bug. */
#include <stdint.h>

static int32_t scaled(int32_t x, int32_t multiplier, int32_t shift) {
  const int32_t left = shift > 0 ? shift : 0, right = shift > 0 ? 0 : -shift;
  const int64_t product = (int64_t)x * (int64_t)(1u << left) * multiplier;
  const int32_t high = (int32_t)((product + (1 << 30)) >> 31);
  const int32_t mask = (int32_t)((1u << right) - 1u), rest = high & mask;
  return (high >> right) + (rest > (mask >> 1) + (high < 0));
}

static int8_t clamped(int32_t x, int32_t low, int32_t high) {
  x = x < low ? low : x;
  x = x > high ? high : x;
  return (int8_t)x;
}

void requantize(const int32_t *input, int8_t *output, int32_t count, int32_t output_offset, int32_t multiplier,
                int32_t shift, int32_t act_min, int32_t act_max) {
  for (int32_t i = 0; i < count; i++) {
    output[i] = clamped(scaled(input[i], multiplier, shift) + output_offset, act_min, act_max);
  }
}

void fully_connected(const int8_t *input, const int8_t *weights, const int32_t *bias, int8_t *output, int32_t rows,
                     int32_t depth, int32_t units, int32_t input_offset, int32_t weights_offset, int32_t output_offset,
                     int32_t multiplier, int32_t shift, int32_t act_min, int32_t act_max) {
  for (int32_t row = 0; row < rows; row++) {
    for (int32_t unit = 0; unit < units; unit++) {
      int32_t sum = bias[unit];
      int32_t d = 0;
      for (; d + 4 <= depth; d += 4) {
        for (int32_t j = d; j < d + 4; j++) {
          sum += (input[row * depth + j] - input_offset) * (weights[unit * depth + j] - weights_offset);
        }
      }
      for (; d < depth; d++) {
        sum += (input[row * depth + d] - input_offset) * (weights[unit * depth + d] - weights_offset);
      }
      output[row * units + unit] = clamped(scaled(sum, multiplier, shift) + output_offset, act_min, act_max);
    }
  }
}

void conv2d_per_channel(const int8_t *input, const int8_t *weights, const int32_t *bias, const int32_t *multiplier,
                        const int32_t *shift, int8_t *output, int32_t batch, int32_t in_h, int32_t in_w, int32_t in_c,
                        int32_t out_h, int32_t out_w, int32_t out_c, int32_t kernel_h, int32_t kernel_w,
                        int32_t stride_h, int32_t stride_w, int32_t pad_top, int32_t pad_left, int32_t dilation_h,
                        int32_t dilation_w, int32_t input_offset, int32_t output_offset, int32_t act_min,
                        int32_t act_max) {
  for (int32_t place = 0; place < batch * out_h * out_w * out_c; place++) {
    const int32_t channel = place % out_c, x = place / out_c % out_w, y = place / out_c / out_w % out_h;
    const int8_t *image = input + place / out_c / out_w / out_h * in_h * in_w * in_c;
    int32_t sum = bias[channel];
    for (int32_t ky = 0; ky < kernel_h; ky++) {
      for (int32_t kx = 0; kx < kernel_w; kx++) {
        const int32_t row = y * stride_h - pad_top + ky * dilation_h;
        const int32_t column = x * stride_w - pad_left + kx * dilation_w;
        if (row < 0 || row >= in_h || column < 0 || column >= in_w) {
          continue;
        }
        for (int32_t c = 0; c < in_c; c++) {
          const int32_t weight = weights[((channel * kernel_h + ky) * kernel_w + kx) * in_c + c];
          sum += (image[(row * in_w + column) * in_c + c] - input_offset) * weight;
        }
      }
    }
    output[place] = clamped(scaled(sum, multiplier[channel], shift[channel]) + output_offset, act_min, act_max);
  }
}

void depthwise_conv2d_per_channel(const int8_t *input, const int8_t *weights, const int32_t *bias,
                                  const int32_t *multiplier, const int32_t *shift, int8_t *output, int32_t batch,
                                  int32_t in_h, int32_t in_w, int32_t in_c, int32_t out_h, int32_t out_w, int32_t out_c,
                                  int32_t kernel_h, int32_t kernel_w, int32_t stride_h, int32_t stride_w,
                                  int32_t pad_top, int32_t pad_left, int32_t dilation_h, int32_t dilation_w,
                                  int32_t channel_multiplier, int32_t input_offset, int32_t output_offset,
                                  int32_t act_min, int32_t act_max) {
  for (int32_t place = 0; place < batch * out_h * out_w * out_c; place++) {
    const int32_t channel = place % out_c, x = place / out_c % out_w, y = place / out_c / out_w % out_h;
    const int8_t *image = input + place / out_c / out_w / out_h * in_h * in_w * in_c;
    int32_t sum = bias[channel];
    for (int32_t ky = 0; ky < kernel_h; ky++) {
      for (int32_t kx = 0; kx < kernel_w; kx++) {
        const int32_t row = y * stride_h - pad_top + ky * dilation_h;
        const int32_t column = x * stride_w - pad_left + kx * dilation_w;
        if (row >= 0 && row < in_h && column >= 0 && column < in_w) {
          const int32_t value = image[(row * in_w + column) * in_c + channel / channel_multiplier] - input_offset;
          sum += value * weights[(ky * kernel_w + kx) * out_c + channel];
        }
      }
    }
    output[place] = clamped(scaled(sum, multiplier[channel], shift[channel]) + output_offset, act_min, act_max);
  }
}

void add(const int8_t *input, const int8_t *other, int8_t *output, int32_t count, int32_t input_offset,
         int32_t other_offset, int32_t output_offset, int32_t left_shift, int32_t input_multiplier, int32_t input_shift,
         int32_t other_multiplier, int32_t other_shift, int32_t multiplier, int32_t shift, int32_t act_min,
         int32_t act_max) {
  for (int32_t i = 0; i < count; i++) {
    const int32_t a = (input[i] - input_offset) * (1 << left_shift), b = (other[i] - other_offset) * (1 << left_shift);
    const int32_t sum = scaled(a, input_multiplier, input_shift) + scaled(b, other_multiplier, other_shift);
    output[i] = clamped(scaled(sum, multiplier, shift) + output_offset, act_min, act_max);
  }
}

void mul(const int8_t *input, const int8_t *other, int8_t *output, int32_t count, int32_t input_offset,
         int32_t other_offset, int32_t output_offset, int32_t multiplier, int32_t shift, int32_t act_min,
         int32_t act_max) {
  for (int32_t i = 0; i < count; i++) {
    const int32_t product = (input[i] - input_offset) * (other[i] - other_offset);
    output[i] = clamped(scaled(product, multiplier, shift) + output_offset, act_min, act_max);
  }
}

void max_pool(const int8_t *input, int8_t *output, int32_t batch, int32_t in_h, int32_t in_w, int32_t channels,
              int32_t out_h, int32_t out_w, int32_t kernel_h, int32_t kernel_w, int32_t stride_h, int32_t stride_w,
              int32_t pad_top, int32_t pad_left, int32_t act_min, int32_t act_max) {
  for (int32_t place = 0; place < batch * out_h * out_w * channels; place++) {
    const int32_t channel = place % channels, x = place / channels % out_w, y = place / channels / out_w % out_h;
    const int8_t *image = input + place / channels / out_w / out_h * in_h * in_w * channels;
    int32_t largest = -128;
    for (int32_t ky = 0; ky < kernel_h; ky++) {
      for (int32_t kx = 0; kx < kernel_w; kx++) {
        const int32_t row = y * stride_h - pad_top + ky, column = x * stride_w - pad_left + kx;
        if (row >= 0 && row < in_h && column >= 0 && column < in_w) {
          const int32_t value = image[(row * in_w + column) * channels + channel];
          largest = value > largest ? value : largest;
        }
      }
    }
    output[place] = clamped(largest, act_min, act_max);
  }
}

void avg_pool(const int8_t *input, int8_t *output, int32_t batch, int32_t in_h, int32_t in_w, int32_t channels,
              int32_t out_h, int32_t out_w, int32_t kernel_h, int32_t kernel_w, int32_t stride_h, int32_t stride_w,
              int32_t pad_top, int32_t pad_left, int32_t act_min, int32_t act_max) {
  for (int32_t place = 0; place < batch * out_h * out_w * channels; place++) {
    const int32_t channel = place % channels, x = place / channels % out_w, y = place / channels / out_w % out_h;
    const int8_t *image = input + place / channels / out_w / out_h * in_h * in_w * channels;
    int32_t sum = 0, taps = 0;
    for (int32_t ky = 0; ky < kernel_h; ky++) {
      for (int32_t kx = 0; kx < kernel_w; kx++) {
        const int32_t row = y * stride_h - pad_top + ky, column = x * stride_w - pad_left + kx;
        if (row >= 0 && row < in_h && column >= 0 && column < in_w) {
          sum += image[(row * in_w + column) * channels + channel];
          taps++;
        }
      }
    }
    output[place] = clamped((sum > 0 ? sum + taps / 2 : sum - taps / 2) / taps, act_min, act_max);
  }
}

void lookup(const int8_t *input, const int8_t *table, int8_t *output, int32_t count) {
  for (int32_t i = 0; i < count; i++) {
    output[i] = table[input[i] + 128];
  }
}

void concat(const int8_t *input, const int8_t *other, int8_t *output, int32_t outer, int32_t input_size,
            int32_t other_size) {
  for (int32_t row = 0; row < outer; row++) {
    for (int32_t i = 0; i < input_size; i++) {
      *output++ = *input++;
    }
    for (int32_t i = 0; i < other_size; i++) {
      *output++ = *other++;
    }
  }
}

void fully_connected_s4(const int8_t *input, const int8_t *weights, const int32_t *bias, int8_t *output, int32_t rows,
                        int32_t depth, int32_t units, int32_t input_offset, int32_t weights_offset,
                        int32_t output_offset, int32_t multiplier, int32_t shift, int32_t act_min, int32_t act_max) {
  for (int32_t i = 0; i < rows * units; i++) {
    const int32_t row = i / units, unit = i % units;
    int32_t sum = bias[unit];
    for (int32_t d = 0; d < depth; d++) {
      const int32_t place = unit * depth + d;
      const int32_t byte = weights[place / 2];
      const int32_t weight = place % 2 ? byte >> 4 : ((byte & 15) ^ 8) - 8;
      sum += (input[row * depth + d] - input_offset) * (weight - weights_offset);
    }
    output[i] = clamped(scaled(sum, multiplier, shift) + output_offset, act_min, act_max);
  }
}

void fully_connected_s16(const int16_t *input, const int8_t *weights, const int64_t *bias, int16_t *output,
                         int32_t rows, int32_t depth, int32_t units, int32_t multiplier, int32_t shift,
                         int32_t act_min, int32_t act_max) {
  const int64_t upper = multiplier < 0x7FFF0000 ? (multiplier + (1 << 15)) >> 16 : 0x7FFF;
  for (int32_t i = 0; i < rows * units; i++) {
    const int32_t row = i / units, unit = i % units;
    int64_t sum = bias[unit];
    for (int32_t d = 0; d < depth; d++) {
      sum += input[row * depth + d] * weights[unit * depth + d];
    }
    sum = (sum * upper + ((int64_t)1 << (14 - shift))) >> (15 - shift);
    sum = sum < act_min ? act_min : sum;
    output[i] = (int16_t)(sum > act_max ? act_max : sum);
  }
}
