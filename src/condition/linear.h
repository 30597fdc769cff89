#pragma once
// The little linear algebra that the detectors need, in double, on small symmetric matrices.
#include <cstddef>
#include <span>
#include <vector>

namespace lineside::condition {

struct Matrix {
  std::size_t rows = 0, columns = 0;
  std::vector<double> values;  // row by row
  Matrix() = default;
  Matrix(std::size_t row_count, std::size_t column_count)
      : rows(row_count), columns(column_count), values(row_count * column_count, 0.0) {}
  double& at(std::size_t row, std::size_t column) { return values[row * columns + column]; }
  double at(std::size_t row, std::size_t column) const { return values[row * columns + column]; }
  std::span<double> row(std::size_t index) { return std::span(values).subspan(index * columns, columns); }
  std::span<const double> row(std::size_t index) const { return std::span(values).subspan(index * columns, columns); }
};

struct Eigen {
  std::vector<double> values;  // largest first
  Matrix vectors;              // a row each, of length 1
};

// Cyclic Jacobi rotations (Golub and Van Loan, Matrix Computations, 8.5). `matrix` is symmetric.
Eigen symmetric_eigen(Matrix matrix);
// Of a symmetric positive definite matrix, by its eigenvalues, those below 1e-9 of the largest raised to that.
Matrix symmetric_inverse(const Matrix& matrix);
// Second moments about zero of the rows: sum of outer products divided by the number of rows.
Matrix second_moments(const Matrix& rows);

double dot(std::span<const double> a, std::span<const double> b);
double quantile(std::vector<double> values, double share);  // linear between order statistics; 0 if there are none

}  // namespace lineside::condition
