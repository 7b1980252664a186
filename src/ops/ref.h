/* Prototypes of every reference, in its two builds: IMX_REFS(NAME) declares imx_ref_NAME_f32 and imx_ref_NAME_f64. */
#ifndef IMX_OPS_REF_H
#define IMX_OPS_REF_H

#define IMX_REFS(name)                                                                                                 \
    void imx_ref_##name##_f32(const void *problem, void *const *arg);                                                  \
    void imx_ref_##name##_f64(const void *problem, void *const *arg, double *const *mag)

IMX_REFS(act_fwd);
IMX_REFS(act_bwd);
IMX_REFS(adam);
IMX_REFS(add_relu);
IMX_REFS(axpby);
IMX_REFS(batchnorm_bwd);
IMX_REFS(batchnorm_fwd);
IMX_REFS(batchnorm_infer);
IMX_REFS(bias_add);
IMX_REFS(bn_apply);
IMX_REFS(bn_back_apply);
IMX_REFS(bn_back_merge);
IMX_REFS(bn_back_stat);
IMX_REFS(bn_merge);
IMX_REFS(bn_stat);
IMX_REFS(broadcast);
IMX_REFS(colsum);
IMX_REFS(concat);
IMX_REFS(concat_split);
IMX_REFS(conv2d_fwd);
IMX_REFS(conv2d_bwd_data);
IMX_REFS(conv2d_bwd_wei);
IMX_REFS(conv2d_bn_fwd);
IMX_REFS(conv2d_bn_wei);
IMX_REFS(critic_fwd);
IMX_REFS(critic_bwd);
IMX_REFS(critic_part_bwd);
IMX_REFS(critic_part_end);
IMX_REFS(critic_part_fwd);
IMX_REFS(dropout);
IMX_REFS(dropout2d);
IMX_REFS(gather_fwd);
IMX_REFS(gather_bwd);
IMX_REFS(gauss_draw);
IMX_REFS(gauss_draw_bwd);
IMX_REFS(gauss_kl);
IMX_REFS(gauss_kl_bwd);
IMX_REFS(gemm);
IMX_REFS(gemm_bn);
IMX_REFS(gradnorm);
IMX_REFS(gram);
IMX_REFS(gru_cell);
IMX_REFS(gru_cell_bwd);
IMX_REFS(image);
IMX_REFS(layernorm_bwd);
IMX_REFS(layernorm_fwd);
IMX_REFS(mul);
IMX_REFS(occlude);
IMX_REFS(pairloss_bwd);
IMX_REFS(pairloss_fwd);
IMX_REFS(permute_bwd);
IMX_REFS(permute_fwd);
IMX_REFS(pool2d_fwd);
IMX_REFS(pool2d_bwd);
IMX_REFS(quadnorm_bwd);
IMX_REFS(quadnorm_fwd);
IMX_REFS(random);
IMX_REFS(random_index);
IMX_REFS(rowreduce);
IMX_REFS(rowreduce_bwd);
IMX_REFS(sgd);
IMX_REFS(shuffle);
IMX_REFS(spread);
IMX_REFS(spread_sum);
IMX_REFS(unfold_bwd);
IMX_REFS(unfold_fwd);
IMX_REFS(unitrow_bwd);
IMX_REFS(unitrow_fwd);
IMX_REFS(xent_bwd);
IMX_REFS(xent_fwd);

#endif
