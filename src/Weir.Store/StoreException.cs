// SPDX-License-Identifier: Apache-2.0

using Weir.Net;

namespace Weir.Store;

/// <summary>A record cannot be read or written. The message names the file and says what to do.</summary>
public class StoreException(string message, Exception? inner = null) : WeirException(message, inner);
