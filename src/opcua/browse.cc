#include <algorithm>
#include <utility>

#include "opcua/connection_impl.h"

namespace lineside::opcua {
namespace {

constexpr std::size_t kReferencesPerCall = 1000, kChildrenMax = 100'000;

Result<NodeIdText> node_of(const std::string& text) {
  auto id = NodeIdText::parse(text);
  if (!id) return fail(ErrorCode::usage, std::format("'{}' is no node; one is ns=2;s=NAME or ns=2;i=NUMBER", text));
  return std::move(*id);
}

}  // namespace

Result<void> Connection::Impl::add_children(const std::string& node, UA_BrowseResult& from,
                                            std::vector<Node>& to) const {
  for (std::size_t i = 0; i < from.referencesSize; ++i) {
    if (to.size() == kChildrenMax)
      return fail(ErrorCode::limit_reached,
                  std::format("{}: {} has more than {} nodes below it", access_.endpoint, node, kChildrenMax));
    const UA_ReferenceDescription& reference = from.references[i];
    if (reference.nodeId.serverIndex != 0) continue;
    std::string text = opcua::to_text(reference.nodeId.nodeId);
    if (!NodeIdText::parse(text)) continue;
    const bool variable = reference.nodeClass == UA_NODECLASS_VARIABLE;
    to.push_back({std::move(text), std::string(view(reference.browseName.name)), variable, !variable});
  }
  if (from.statusCode == UA_STATUSCODE_GOOD) return {};
  return fail(ErrorCode::not_found, std::format("{}: {}: {}", access_.endpoint, node, status_name(from.statusCode)));
}

Result<std::vector<Node>> Connection::Impl::children(const std::string& node, MonoTime deadline,
                                                     const std::stop_token& stop) {
  LINESIDE_ASSIGN(const NodeIdText id, node_of(node));
  std::vector<Node> nodes;
  UA_BrowseDescription description;
  UA_BrowseDescription_init(&description);
  description.nodeId = id.get();
  description.referenceTypeId = UA_NODEID_NUMERIC(0, UA_NS0ID_HIERARCHICALREFERENCES);
  description.includeSubtypes = true;
  description.nodeClassMask = UA_NODECLASS_OBJECT | UA_NODECLASS_VARIABLE;
  description.resultMask = UA_BROWSERESULTMASK_ALL;
  UA_BrowseRequest request;
  UA_BrowseRequest_init(&request);
  request.requestedMaxReferencesPerNode = kReferencesPerCall;
  request.nodesToBrowse = &description;
  request.nodesToBrowseSize = 1;
  UA_BrowseResponse response;
  auto asked =
      ask(request, UA_TYPES[UA_TYPES_BROWSEREQUEST], response, UA_TYPES[UA_TYPES_BROWSERESPONSE], deadline, stop);
  UA_ByteString more = UA_BYTESTRING_NULL;
  if (asked && response.resultsSize == 1) {
    asked = add_children(node, response.results[0], nodes);
    std::swap(more, response.results[0].continuationPoint);
  }
  UA_BrowseResponse_clear(&response);
  while (asked && more.length > 0) {
    UA_BrowseNextRequest next;
    UA_BrowseNextRequest_init(&next);
    next.continuationPoints = &more;
    next.continuationPointsSize = 1;
    UA_BrowseNextResponse page;
    asked =
        ask(next, UA_TYPES[UA_TYPES_BROWSENEXTREQUEST], page, UA_TYPES[UA_TYPES_BROWSENEXTRESPONSE], deadline, stop);
    UA_ByteString_clear(&more);
    if (asked && page.resultsSize == 1) {
      asked = add_children(node, page.results[0], nodes);
      std::swap(more, page.results[0].continuationPoint);
    }
    UA_BrowseNextResponse_clear(&page);
  }
  UA_ByteString_clear(&more);
  if (!asked) return std::unexpected(asked.error());
  return nodes;
}

Result<void> Connection::Impl::read_batch(std::span<const NodeIdText> ids, std::vector<DataValue>& values,
                                          MonoTime deadline, const std::stop_token& stop) {
  std::vector<UA_ReadValueId> wanted(ids.size());
  for (std::size_t i = 0; i < ids.size(); ++i) {
    UA_ReadValueId_init(&wanted[i]);
    wanted[i].nodeId = ids[i].get();
    wanted[i].attributeId = UA_ATTRIBUTEID_VALUE;
  }
  UA_ReadRequest request;
  UA_ReadRequest_init(&request);
  request.timestampsToReturn = UA_TIMESTAMPSTORETURN_BOTH;
  request.nodesToRead = wanted.data();
  request.nodesToReadSize = wanted.size();
  UA_ReadResponse response;
  auto asked = ask(request, UA_TYPES[UA_TYPES_READREQUEST], response, UA_TYPES[UA_TYPES_READRESPONSE], deadline, stop);
  if (asked && response.resultsSize != ids.size()) asked = lost("its answer is not of the length of the question");
  // A type's name is the library's own, for good.
  for (std::size_t i = 0; asked && i < ids.size(); ++i) convert(response.results[i], values.emplace_back());
  UA_ReadResponse_clear(&response);
  return asked;
}

Result<std::vector<DataValue>> Connection::Impl::read(const std::vector<std::string>& nodes, MonoTime deadline,
                                                      const std::stop_token& stop) {
  std::vector<NodeIdText> ids;
  for (const std::string& node : nodes) {
    LINESIDE_ASSIGN(NodeIdText id, node_of(node));
    ids.push_back(std::move(id));
  }
  std::vector<DataValue> values;
  for (std::span<const NodeIdText> left(ids); !left.empty();) {
    const auto batch = left.first(std::min(reads_per_call_, left.size()));
    if (const auto done = read_batch(batch, values, deadline, stop); done)
      left = left.subspan(batch.size());
    else if (done.error().code == ErrorCode::limit_reached && batch.size() > 1)
      reads_per_call_ = batch.size() / 2;
    else
      return std::unexpected(done.error());
  }
  return values;
}

}  // namespace lineside::opcua
