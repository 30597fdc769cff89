#include "condition/linear.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace lineside::condition {

double dot(std::span<const double> a, std::span<const double> b) {
  return std::inner_product(a.begin(), a.end(), b.begin(), 0.0);
}

double quantile(std::vector<double> values, double share) {
  if (values.empty()) return 0;
  std::ranges::sort(values);
  const double position = share * static_cast<double>(values.size() - 1);
  const auto below = static_cast<std::size_t>(position);
  const std::size_t above = std::min(below + 1, values.size() - 1);
  return values[below] + (position - static_cast<double>(below)) * (values[above] - values[below]);
}

Eigen symmetric_eigen(Matrix a) {
  constexpr int kSweepsMax = 30;
  const std::size_t n = a.rows;
  Matrix v(n, n);
  for (std::size_t i = 0; i < n; ++i) v.at(i, i) = 1;
  double diagonal = 0;
  for (std::size_t i = 0; i < n; ++i) diagonal += a.at(i, i) * a.at(i, i);
  for (int sweep = 0; sweep < kSweepsMax; ++sweep) {
    double off = 0;
    for (std::size_t p = 0; p < n; ++p)
      for (std::size_t q = p + 1; q < n; ++q) off += a.at(p, q) * a.at(p, q);
    if (off <= 1e-18 * diagonal) break;
    for (std::size_t p = 0; p < n; ++p)
      for (std::size_t q = p + 1; q < n; ++q) {
        if (std::abs(a.at(p, q)) < 1e-300) continue;
        const double theta = (a.at(q, q) - a.at(p, p)) / (2 * a.at(p, q));
        const double t = (theta >= 0 ? 1 : -1) / (std::abs(theta) + std::sqrt(theta * theta + 1));
        const double c = 1 / std::sqrt(t * t + 1), s = t * c, a_pp = a.at(p, p), a_qq = a.at(q, q), a_pq = a.at(p, q);
        // Symmetric: rows p and q are rotated, columns follow as their mirror.
        const auto row_p = a.row(p), row_q = a.row(q), v_p = v.row(p), v_q = v.row(q);
        for (std::size_t i = 0; i < n; ++i) {
          const double ap = row_p[i], aq = row_q[i], vp = v_p[i], vq = v_q[i];
          row_p[i] = c * ap - s * aq, row_q[i] = s * ap + c * aq;
          v_p[i] = c * vp - s * vq, v_q[i] = s * vp + c * vq;
        }
        for (std::size_t i = 0; i < n; ++i) a.at(i, p) = row_p[i], a.at(i, q) = row_q[i];
        a.at(p, p) = a_pp - t * a_pq, a.at(q, q) = a_qq + t * a_pq;
        a.at(p, q) = 0, a.at(q, p) = 0;
      }
  }
  std::vector<std::size_t> order(n);
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(order, [&](std::size_t i, std::size_t j) { return a.at(i, i) > a.at(j, j); });
  Eigen eigen{.values = {}, .vectors = Matrix(n, n)};
  for (std::size_t i = 0; i < n; ++i) {
    eigen.values.push_back(a.at(order[i], order[i]));
    std::ranges::copy(v.row(order[i]), eigen.vectors.row(i).begin());
  }
  return eigen;
}

Matrix symmetric_inverse(const Matrix& matrix) {
  const Eigen eigen = symmetric_eigen(matrix);
  const std::size_t n = matrix.rows;
  Matrix inverse(n, n);
  const double least = 1e-9 * std::max(eigen.values.empty() ? 0 : eigen.values.front(), 1e-300);
  for (std::size_t k = 0; k < n; ++k) {
    const auto vector = eigen.vectors.row(k);
    const double weight = 1 / std::max(eigen.values[k], least);
    for (std::size_t i = 0; i < n; ++i)
      for (std::size_t j = 0; j < n; ++j) inverse.at(i, j) += weight * vector[i] * vector[j];
  }
  return inverse;
}

Matrix second_moments(const Matrix& rows) {
  const std::size_t n = rows.columns;
  Matrix sums(n, n);
  for (std::size_t r = 0; r < rows.rows; ++r) {
    const auto row = rows.row(r);
    for (std::size_t i = 0; i < n; ++i)
      for (std::size_t j = i; j < n; ++j) sums.at(i, j) += row[i] * row[j];
  }
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = i; j < n; ++j) {
      sums.at(i, j) /= static_cast<double>(std::max<std::size_t>(rows.rows, 1));
      sums.at(j, i) = sums.at(i, j);
    }
  return sums;
}

}  // namespace lineside::condition
