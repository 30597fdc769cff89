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

Result<void> Connection::Impl::add_children(UA_BrowseResult& from, std::vector<Node>& to) const {
  for (std::size_t i = 0; i < from.referencesSize && to.size() < kChildrenMax; ++i) {
    const UA_ReferenceDescription& reference = from.references[i];
    if (reference.nodeId.serverIndex != 0) continue;
    std::string text = opcua::to_text(reference.nodeId.nodeId);
    if (!NodeIdText::parse(text)) continue;
    const bool variable = reference.nodeClass == UA_NODECLASS_VARIABLE;
    to.push_back({std::move(text), std::string(view(reference.browseName.name)), variable, !variable});
  }
  if (from.statusCode == UA_STATUSCODE_GOOD) return {};
  const bool unknown =
      from.statusCode == UA_STATUSCODE_BADNODEIDUNKNOWN || from.statusCode == UA_STATUSCODE_BADNODEIDINVALID;
  return fail(unknown ? ErrorCode::not_found : ErrorCode::opcua_unreachable,
              std::format("{}: {}", access_.endpoint, status_name(from.statusCode)));
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
    asked = add_children(response.results[0], nodes);
    std::swap(more, response.results[0].continuationPoint);
  }
  UA_BrowseResponse_clear(&response);
  while (asked && more.length > 0 && nodes.size() < kChildrenMax) {
    UA_BrowseNextRequest next;
    UA_BrowseNextRequest_init(&next);
    next.continuationPoints = &more;
    next.continuationPointsSize = 1;
    UA_BrowseNextResponse page;
    asked =
        ask(next, UA_TYPES[UA_TYPES_BROWSENEXTREQUEST], page, UA_TYPES[UA_TYPES_BROWSENEXTRESPONSE], deadline, stop);
    UA_ByteString_clear(&more);
    if (asked && page.resultsSize == 1) {
      asked = add_children(page.results[0], nodes);
      std::swap(more, page.results[0].continuationPoint);
    }
    UA_BrowseNextResponse_clear(&page);
  }
  UA_ByteString_clear(&more);
  if (!asked) return std::unexpected(asked.error());
  return nodes;
}

Result<DataValue> Connection::Impl::read(const std::string& node, MonoTime deadline, const std::stop_token& stop) {
  LINESIDE_ASSIGN(const NodeIdText id, node_of(node));
  UA_ReadValueId wanted;
  UA_ReadValueId_init(&wanted);
  wanted.nodeId = id.get();
  wanted.attributeId = UA_ATTRIBUTEID_VALUE;
  UA_ReadRequest request;
  UA_ReadRequest_init(&request);
  request.timestampsToReturn = UA_TIMESTAMPSTORETURN_BOTH;
  request.nodesToRead = &wanted;
  request.nodesToReadSize = 1;
  UA_ReadResponse response;
  const auto asked =
      ask(request, UA_TYPES[UA_TYPES_READREQUEST], response, UA_TYPES[UA_TYPES_READRESPONSE], deadline, stop);
  DataValue value;
  if (asked && response.resultsSize == 1) convert(response.results[0], value);
  UA_ReadResponse_clear(&response);
  LINESIDE_TRY(asked);
  if (value.status == UA_STATUSCODE_BADNODEIDUNKNOWN)
    return fail(ErrorCode::not_found, std::format("{} has no node {}", access_.endpoint, node));
  // The type's name is the library's own, for good.
  return value;
}

}  // namespace lineside::opcua
