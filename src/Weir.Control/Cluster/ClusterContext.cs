// SPDX-License-Identifier: Apache-2.0

using System.Text.Json.Serialization;
using Weir.Control.State;

namespace Weir.Control.Cluster;

/// <summary>How shared records are kept.</summary>
[JsonSourceGenerationOptions(
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    UseStringEnumConverter = true,
    Converters = [typeof(AddressConverter), typeof(PrefixConverter), typeof(LabelSetConverter), typeof(IdentityConverter)])]
[JsonSerializable(typeof(NodeRecord))]
[JsonSerializable(typeof(IdentityRecord))]
[JsonSerializable(typeof(EndpointRecord))]
[JsonSerializable(typeof(NetworkRecord))]
[JsonSerializable(typeof(BlockRecord))]
[JsonSerializable(typeof(PolicyRecord))]
[JsonSerializable(typeof(TableRecord))]
[JsonSerializable(typeof(HealthRecord))]
internal sealed partial class ClusterContext : JsonSerializerContext;
