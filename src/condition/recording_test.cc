#include "condition/recording.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zlib.h>

#include <bit>
#include <cmath>
#include <cstring>

#include "base/file.h"
#include "base/test_folder.h"

namespace lineside::condition {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using Bytes = std::vector<std::uint8_t>;

Recording csv(std::string_view text, const ReadOptions& options = {}) {
  auto recording = parse_csv(text, "x.csv", options);
  EXPECT_TRUE(recording) << recording.error().message;
  return recording ? *recording : Recording{};
}

template <class T>
  requires std::is_arithmetic_v<T>
void put(Bytes& bytes, T value) {
  const auto raw = std::bit_cast<std::array<std::uint8_t, sizeof(T)>>(value);
  bytes.insert(bytes.end(), raw.begin(), raw.end());
}

void put(Bytes& bytes, std::string_view text) { bytes.insert(bytes.end(), text.begin(), text.end()); }

TEST(Csv, WithoutAHeader_NumbersItsColumns) {
  const Recording r = csv("1,2.5\n3,-4e1\n");
  EXPECT_THAT(r.names, ElementsAre("1", "2"));
  EXPECT_THAT(r.channels[1], ElementsAre(2.5F, -40.0F));
}

TEST(Csv, WithSemicolonsAndADecimalComma_IsRead) {
  const Recording r = csv("a;b\n1,5;2\n2,5;3\n");
  EXPECT_THAT(r.names, ElementsAre("a", "b"));
  EXPECT_THAT(r.channels[0], ElementsAre(1.5F, 2.5F));
}

TEST(Csv, WithRaggedFirstRows_SkipsThem) {
  const Recording r = csv("Logger 7\nserial,1234\n\"x\",\"y\",\"z\"\r\n1,2,3\r\n4,5,6\r\n7,8,9\r\n10,11,12\r\n");
  EXPECT_THAT(r.names, ElementsAre("x", "y", "z"));
  EXPECT_THAT(r.channels[2], ElementsAre(3, 6, 9, 12));
}

TEST(Csv, BadFieldsAndShortRows_AreMissingValues) {
  const Recording r = csv("a,b\n1,2\nBad,4\n5\n7,8,9\n9,10\n11,12\n");
  EXPECT_TRUE(std::isnan(r.channels[0][1]));
  EXPECT_TRUE(std::isnan(r.channels[1][2]));
  EXPECT_EQ(r.channels[1][3], 8);
}

TEST(Csv, ATimeColumn_IsNoChannelAndGivesTheRate) {
  const Recording r = csv("datetime;v\n2020-03-09 10:14:33;1\n2020-03-09 10:14:34;2\n2020-03-09 10:14:35;3\n");
  EXPECT_THAT(r.names, ElementsAre("v"));
  EXPECT_DOUBLE_EQ(r.stated_rate_hz, 1);
  const Recording named = csv("k,v\n0.0,1\n0.5,2\n1.0,3\n", {.columns = {}, .time_column = "k"});
  EXPECT_THAT(named.names, ElementsAre("v"));
  EXPECT_DOUBLE_EQ(named.stated_rate_hz, 2);
}

TEST(Csv, ColumnsByNameOrNumber_ComeInTheOrderAsked) {
  const Recording r = csv("a,b,c\n1,2,3\n4,5,6\n", {.columns = {"3", "a"}, .time_column = {}});
  EXPECT_THAT(r.names, ElementsAre("3", "a"));
  EXPECT_THAT(r.channels[0], ElementsAre(3, 6));
  EXPECT_FALSE(parse_csv("a,b\n1,2\n", "x", {.columns = {"7"}, .time_column = {}}));
}

TEST(Csv, AChannelThatIsNotThere_IsAllMissing) {
  const Recording r = csv("a,b\n1,2\n3,4\n", {.columns = {"a", "gone"}, .time_column = {}});
  ASSERT_EQ(r.channels.size(), 2U);
  EXPECT_TRUE(std::isnan(r.channels[1][0]));
}

TEST(Csv, WithoutNumbers_IsRefused) {
  EXPECT_FALSE(parse_csv("", "x", {}));
  EXPECT_FALSE(parse_csv("hello\nworld\n", "x", {}));
}

TEST(Read, AGzippedFile_IsUnpackedAndACutOneRefused) {
  const TestFolder folder;
  const std::string text = "a,b\n1,2\n3,4\n";
  const auto path = folder.path() / "x.csv.gz";
  gzFile file = gzopen(path.c_str(), "wb");
  gzwrite(file, text.data(), static_cast<unsigned>(text.size()));
  gzclose(file);
  const auto recording = read_recording(path, {});
  ASSERT_TRUE(recording) << recording.error().message;
  EXPECT_EQ(recording->samples(), 2U);
  auto bytes = *read_bytes(path);
  ASSERT_TRUE(write_atomically(folder.path() / "misnamed.csv", bytes));
  EXPECT_TRUE(read_recording(folder.path() / "misnamed.csv", {}));
  bytes.resize(bytes.size() / 2);
  ASSERT_TRUE(write_atomically(folder.path() / "cut.csv.gz", bytes));
  const auto cut = read_recording(folder.path() / "cut.csv.gz", {});
  ASSERT_FALSE(cut);
  EXPECT_EQ(cut.error().code, ErrorCode::file_format);
}

TEST(Read, AFoldersFiles_ComeInNaturalOrder) {
  const TestFolder folder;
  for (const char* name : {"10.csv", "2.csv", "1.csv", "notes.md"})
    ASSERT_TRUE(write_atomically(folder.path() / name, "1,2\n3,4\n"));
  const std::vector<std::string> inputs{folder.path().string()};
  const auto files = list_inputs(inputs);
  ASSERT_TRUE(files);
  ASSERT_EQ(files->size(), 3U);
  EXPECT_EQ((*files)[1].filename(), "2.csv");
  EXPECT_EQ((*files)[2].filename(), "10.csv");
}

TEST(Read, FilesNamedByTheirTime_AreText_WhereNoneIsOfAKnownKind) {
  const TestFolder folder;
  for (const char* name : {"2003.10.22.12.16.24", "2003.10.22.12.06.24", "readme.md"})
    ASSERT_TRUE(write_atomically(folder.path() / name, std::string_view("-0.10\t0.20\n0.30\t-0.40\n0.11\t0.05\n")));
  const std::vector<std::string> inputs{folder.path().string()};
  const auto files = list_inputs(inputs);
  ASSERT_TRUE(files);
  ASSERT_EQ(files->size(), 2U);
  EXPECT_EQ(files->front().filename(), "2003.10.22.12.06.24");
  const auto read = read_recording(files->front(), {});
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->channels.size(), 2U);
  EXPECT_EQ(read->channels[1], (std::vector<float>{0.2F, -0.4F, 0.05F}));
  ASSERT_TRUE(write_atomically(folder.path() / "a.csv", std::string_view("1\n")));
  EXPECT_EQ(list_inputs(inputs)->size(), 1U);
}

Bytes wav16(std::uint32_t rate, const std::vector<std::int16_t>& left_right) {
  Bytes bytes;
  put(bytes, "RIFF"), put(bytes, std::uint32_t{36 + static_cast<std::uint32_t>(left_right.size()) * 2});
  put(bytes, "WAVEfmt "), put(bytes, std::uint32_t{16}), put(bytes, std::uint16_t{1}), put(bytes, std::uint16_t{2});
  put(bytes, rate), put(bytes, rate * 4), put(bytes, std::uint16_t{4}), put(bytes, std::uint16_t{16});
  put(bytes, "data"), put(bytes, static_cast<std::uint32_t>(left_right.size() * 2));
  for (const auto value : left_right) put(bytes, value);
  return bytes;
}

TEST(Wav, TwoChannels_AreTakenApart) {
  const auto r = parse_wav(wav16(20'000, {16384, -16384, 0, 32767}), "x.wav");
  ASSERT_TRUE(r) << r.error().message;
  EXPECT_EQ(r->stated_rate_hz, 20'000);
  EXPECT_THAT(r->channels[0], ElementsAre(0.5F, 0.0F));
  EXPECT_EQ(r->channels[1][0], -0.5F);
}

Bytes npy(const std::string& dictionary, const std::vector<float>& values) {
  Bytes bytes;
  put(bytes, std::string_view("\x93NUMPY\x01\x00", 8)), put(bytes, static_cast<std::uint16_t>(dictionary.size()));
  put(bytes, dictionary);
  for (const float value : values) put(bytes, value);
  return bytes;
}

TEST(Npy, RowsAreSamples_InBothOrders) {
  const auto c = parse_npy(npy("{'descr': '<f4', 'fortran_order': False, 'shape': (3, 2), }", {1, 2, 3, 4, 5, 6}), "x");
  ASSERT_TRUE(c) << c.error().message;
  EXPECT_THAT(c->channels[1], ElementsAre(2, 4, 6));
  const auto f = parse_npy(npy("{'descr': '<f4', 'fortran_order': True, 'shape': (3, 2), }", {1, 2, 3, 4, 5, 6}), "x");
  ASSERT_TRUE(f);
  EXPECT_THAT(f->channels[1], ElementsAre(4, 5, 6));
  const auto wide =
      parse_npy(npy("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }", {1, 2, 3, 4, 5, 6}), "x");
  ASSERT_TRUE(wide);
  EXPECT_THAT(wide->channels[1], ElementsAre(4, 5, 6));
}

Bytes packed(const Bytes& bytes, int window_bits) {
  z_stream z{};
  EXPECT_EQ(deflateInit2(&z, 9, Z_DEFLATED, window_bits, 8, Z_DEFAULT_STRATEGY), Z_OK);
  Bytes out(deflateBound(&z, static_cast<uLong>(bytes.size())));
  z.next_in = const_cast<Bytef*>(bytes.data()), z.avail_in = static_cast<uInt>(bytes.size());
  z.next_out = out.data(), z.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(deflate(&z, Z_FINISH), Z_STREAM_END);
  out.resize(z.total_out);
  deflateEnd(&z);
  return out;
}

// A ZIP archive with a file that is stored and one that is deflated, as numpy.savez and savez_compressed make them.
Bytes npz(const std::vector<std::pair<std::string, Bytes>>& files, bool deflated) {
  Bytes zip, directory;
  for (const auto& [name, content] : files) {
    const auto local = static_cast<std::uint32_t>(zip.size());
    const Bytes body = deflated ? packed(content, -MAX_WBITS) : content;
    const auto header = [&](Bytes& to, std::uint32_t magic, bool central) {
      put(to, magic);
      if (central) put(to, std::uint16_t{20});
      put(to, std::uint16_t{20}), put(to, std::uint16_t{0}), put(to, static_cast<std::uint16_t>(deflated ? 8 : 0));
      put(to, std::uint32_t{0}), put(to, std::uint32_t{0});  // time, checksum
      put(to, static_cast<std::uint32_t>(body.size())), put(to, static_cast<std::uint32_t>(content.size()));
      put(to, static_cast<std::uint16_t>(name.size())), put(to, std::uint16_t{0});
    };
    header(zip, 0x04034b50, false);
    put(zip, name);
    zip.insert(zip.end(), body.begin(), body.end());
    header(directory, 0x02014b50, true);
    directory.insert(directory.end(), 10, 0);
    put(directory, local), put(directory, name);
  }
  const auto at = static_cast<std::uint32_t>(zip.size()), count = static_cast<std::uint32_t>(files.size());
  zip.insert(zip.end(), directory.begin(), directory.end());
  put(zip, std::uint32_t{0x06054b50}), put(zip, std::uint32_t{0});
  put(zip, static_cast<std::uint16_t>(count)), put(zip, static_cast<std::uint16_t>(count));
  put(zip, static_cast<std::uint32_t>(directory.size())), put(zip, at), put(zip, std::uint16_t{0});
  return zip;
}

TEST(Npz, ItsArrays_AreChannels_StoredAndDeflated) {
  const auto column = [](std::vector<float> values) {
    return npy("{'descr': '<f4', 'fortran_order': False, 'shape': (3,), }", values);
  };
  for (const bool deflated : {false, true}) {
    const auto r = parse_npz(npz({{"x.npy", column({1, 2, 3})}, {"y.npy", column({4, 5, 6})}}, deflated), "r.npz");
    ASSERT_TRUE(r) << r.error().message;
    EXPECT_THAT(r->names, ElementsAre("x", "y"));
    EXPECT_THAT(r->channels[1], ElementsAre(4, 5, 6));
  }
}

TEST(Npy, ThatSaysMoreThanItHolds_IsRefused) {
  EXPECT_FALSE(parse_npy(npy("{'descr': '<f4', 'fortran_order': False, 'shape': (300, 2), }", {1, 2}), "x"));
  EXPECT_FALSE(parse_npy(Bytes(5, 0), "x"));
}

TEST(Rate, IsContradictedOnlyByWhatFitsNoUnit) {
  Recording wav{.stated_rate_hz = 44'100};
  EXPECT_TRUE(contradicts_rate(wav, 20'000));
  EXPECT_FALSE(contradicts_rate(wav, 44'000));
  Recording milliseconds{.stated_rate_hz = 20, .times_s = {0, 0.05}};
  EXPECT_FALSE(contradicts_rate(milliseconds, 20'000));
  Recording counted{.stated_rate_hz = 1, .times_s = {0, 1}};
  EXPECT_FALSE(contradicts_rate(counted, 20'000));
  Recording other{.stated_rate_hz = 12'000, .times_s = {0, 1.0 / 12'000}};
  EXPECT_TRUE(contradicts_rate(other, 20'000));
  EXPECT_FALSE(contradicts_rate(Recording{}, 20'000));
}

TEST(Columns, AreSplitAtCommas) {
  const std::vector<std::string> words{"a,b", "c d"};
  EXPECT_THAT(column_list(words), ElementsAre("a", "b", "c d"));
}

Bytes mat(const std::vector<double>& values) {
  Bytes matrix, file(128, ' ');
  file[126] = 'I', file[127] = 'M';
  const auto element = [&](std::uint32_t type, const Bytes& data) {
    put(matrix, type), put(matrix, static_cast<std::uint32_t>(data.size()));
    matrix.insert(matrix.end(), data.begin(), data.end());
    matrix.resize((matrix.size() + 7) / 8 * 8, 0);
  };
  Bytes flags, dimensions, numbers;
  put(flags, std::uint32_t{6}), put(flags, std::uint32_t{0});
  put(dimensions, static_cast<std::uint32_t>(values.size())), put(dimensions, std::uint32_t{1});
  for (const double value : values) put(numbers, value);
  element(6, flags), element(5, dimensions), element(1, {'D', 'E'}), element(9, numbers);
  put(file, std::uint32_t{14}), put(file, static_cast<std::uint32_t>(matrix.size()));
  file.insert(file.end(), matrix.begin(), matrix.end());
  return file;
}

TEST(Mat, AColumnOfNumbers_IsAChannel) {
  const auto r = parse_mat(mat({0.5, -1, 2}), "x.mat");
  ASSERT_TRUE(r) << r.error().message;
  EXPECT_THAT(r->names, ElementsAre("DE"));
  EXPECT_THAT(r->channels[0], ElementsAre(0.5F, -1, 2));
}

TEST(Mat, ACompressedArray_IsUnpacked) {
  const Bytes plain = mat({0.5, -1, 2});
  const Bytes body = packed(Bytes(plain.begin() + 128, plain.end()), MAX_WBITS);
  Bytes file(plain.begin(), plain.begin() + 128);
  put(file, std::uint32_t{15}), put(file, static_cast<std::uint32_t>(body.size()));
  file.insert(file.end(), body.begin(), body.end());
  const auto r = parse_mat(file, "x.mat");
  ASSERT_TRUE(r) << r.error().message;
  EXPECT_THAT(r->names, ElementsAre("DE"));
  EXPECT_THAT(r->channels[0], ElementsAre(0.5F, -1, 2));
}

TEST(Mat, EveryCutAndEveryChangedByte_IsNoCrash) {
  const Bytes whole = mat({0.5, -1, 2});
  for (std::size_t size = 0; size < whole.size(); ++size) (void)parse_mat(std::span(whole).first(size), "x");
  for (std::size_t at = 0; at < whole.size(); ++at) {
    Bytes changed = whole;
    changed[at] ^= 0xFFU;
    (void)parse_mat(changed, "x");
  }
}

TEST(Binary, EveryCutOfAFile_IsAnErrorAndNoCrash) {
  const Bytes wav = wav16(8000, {1, 2, 3, 4});
  const Bytes array = npy("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 1), }", {1, 2});
  for (std::size_t size = 0; size < wav.size(); ++size) (void)parse_wav(std::span(wav).first(size), "x");
  for (std::size_t size = 0; size < array.size(); ++size)
    EXPECT_FALSE(parse_npy(std::span(array).first(size), "x")) << size;
  for (std::size_t size = 0; size < array.size(); ++size) {
    EXPECT_FALSE(parse_npz(std::span(array).first(size), "x"));
    EXPECT_FALSE(parse_mat(std::span(array).first(size), "x"));
  }
}

}  // namespace
}  // namespace lineside::condition
