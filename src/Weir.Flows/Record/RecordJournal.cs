// SPDX-License-Identifier: Apache-2.0

using Weir.Api;

namespace Weir.Flows;

/// <summary>Blocks of recorded flows.</summary>
public sealed class RecordJournal(RecordOptions options, TimeProvider time) : BlockJournal<RecordBlock>(options, ".flows", "weirrec1", RecordBlock.Parser, time);
