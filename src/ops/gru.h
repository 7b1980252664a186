/* The element-wise half of a gated recurrent unit's step, in PyTorch's form and order (torch.nn.GRUCell). Two products
 * come before it: gi = x W_ih^T + b_ih and gh = h W_hh^T + b_hh, each [rows, 3 cols] in thirds r, z, n:
 *   r = sigmoid(gi_r + gh_r);  z = sigmoid(gi_z + gh_z);  m = tanh(gi_n + r gh_n);  dst = (1 - z) m + z h
 *   gru_cell:     args GI, GH, H[rows,cols], DST
 *   gru_cell_bwd: args GI, GH, H, DDST, DGI, DGH, DH (through the last formula alone, z ddst: the way through gh is the
 *                 second product's). The gates are worked out again: storing them would cost more than it saves. */
#ifndef IMX_OPS_GRU_H
#define IMX_OPS_GRU_H

#include "ops/op.h"

struct imx_gru {
    int32_t rows, cols;
};
enum { IMX_GRU_GI, IMX_GRU_GH, IMX_GRU_H, IMX_GRU_DST };
enum { IMX_GRU_BWD_DDST = 3, IMX_GRU_BWD_DGI, IMX_GRU_BWD_DGH, IMX_GRU_BWD_DH };
extern const struct imx_op imx_op_gru_cell, imx_op_gru_cell_bwd;

#endif
